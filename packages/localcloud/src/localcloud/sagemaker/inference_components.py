"""Inference components: create, update, scale (to none, too), describe, list, delete."""

from __future__ import annotations

from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response
from localcloud.sagemaker.deployment import (
    DRAIN_SECONDS,
    Deployment,
    RolledBackError,
    bring_up,
    close_fleets,
)
from localcloud.sagemaker.endpoint import IN_PROGRESS, Fleets
from localcloud.sagemaker.endpoints import Endpoints
from localcloud.sagemaker.fleet import Fleet, FleetFailedError
from localcloud.sagemaker.inference_component import InferenceComponent
from localcloud.sagemaker.naming import arn, check_name, refuse_members, validation_error
from localcloud.sagemaker.paging import listing
from localcloud.sagemaker.traffic import TrafficPlan

_NOT_CARRIED_OUT = ("Container", "BaseInferenceComponentName")
_SUMMARY = (
    *("InferenceComponentName", "InferenceComponentArn", "EndpointName", "EndpointArn"),
    *("VariantName", "CreationTime", "LastModifiedTime", "InferenceComponentStatus"),
)


class InferenceComponents(Endpoints):
    """The inference component part of SageMaker's API. Each copy is a process of its own."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._components: dict[str, InferenceComponent] = {}

    def stop(self) -> None:
        super().stop()
        for component in list(self._components.values()):
            close_fleets(component.fleets, 0.0)
            close_fleets(component.new_fleets, 0.0)

    def create_inference_component(self, request: Request, caller: Caller) -> Response:
        name = request["InferenceComponentName"]
        check_name(name, "inferenceComponentName")
        endpoint = self.endpoint(request["EndpointName"])
        variants = {one["VariantName"]: one for one in endpoint.config["ProductionVariants"]}
        variant = variants.get(request.get("VariantName", ""))
        if variant is None or "ModelName" in variant:
            raise validation_error(
                f"Endpoint {endpoint.name} has no variant {request.get('VariantName')} that hosts "
                "inference components: its configuration's has no ModelName."
            )
        if endpoint.status != "InService":
            raise validation_error(f"Endpoint {endpoint.name} is {endpoint.status}.")
        copies = request.get("RuntimeConfig", {}).get("CopyCount", 1)
        component = InferenceComponent(self.account, request, endpoint)
        fleets = self._fleets_of(component, request["Specification"], copies)
        with self._endpoints_lock:
            if name in self._components:
                said = f'Cannot create already existing inference component "{component.arn}".'
                raise validation_error(said)
            self.tag_resource_at_creation(component.arn, request)
            self._components[name] = component
        self.run_job(f"create inference component {name}", lambda: bring_up(component, fleets))
        return {"InferenceComponentArn": component.arn}

    def describe_inference_component(self, request: Request, caller: Caller) -> Response:
        return self.component(request["InferenceComponentName"]).describe()

    def list_inference_components(self, request: Request, caller: Caller) -> Response:
        wanted = {
            member: request[f"{member}Equals"]
            for member in ("EndpointName", "VariantName")
            if f"{member}Equals" in request
        }
        described = [one.describe() for one in list(self._components.values())]
        return listing(
            [one for one in described if wanted.items() <= one.items()],
            request,
            name="InferenceComponentName",
            status="InferenceComponentStatus",
            members=_SUMMARY,
            result="InferenceComponents",
        )

    def update_inference_component(self, request: Request, caller: Caller) -> Response:
        component = self.component(request["InferenceComponentName"])
        specification = request.get("Specification", component.specification)
        fleet = component.fleet
        copies = request.get("RuntimeConfig", {}).get(
            "CopyCount", fleet.desired_count if fleet else 1
        )
        fleets = self._fleets_of(component, specification, copies)
        config = request.get("DeploymentConfig", {})
        plan = self._rolling(config)
        with component.lock:
            _check_idle(component)
            component.deployment_config = config
            component.enter("Updating")
        deployment = Deployment(self.account, component, fleets, plan)
        self.run_job(
            f"update inference component {component.name}",
            lambda: _update(component, specification, deployment),
        )
        return {"InferenceComponentArn": component.arn}

    def update_inference_component_runtime_config(
        self, request: Request, caller: Caller
    ) -> Response:
        component = self.component(request["InferenceComponentName"])
        copies = request["DesiredRuntimeConfig"]["CopyCount"]
        with component.lock:
            _check_idle(component)
            component.enter("Updating")
        self.run_job(
            f"scale inference component {component.name}", lambda: _scale(component, copies)
        )
        return {"InferenceComponentArn": component.arn}

    def delete_inference_component(self, request: Request, caller: Caller) -> Response:
        component = self.component(request["InferenceComponentName"])
        with component.lock:
            if component.status in IN_PROGRESS:
                raise validation_error(
                    f'Cannot update in-progress inference component "{component.arn}".'
                )
            component.enter("Deleting")
        self.run_job(
            f"delete inference component {component.name}", lambda: self._delete_one(component)
        )
        return {}

    def delete_endpoint(self, request: Request, caller: Caller) -> Response:
        name = request["EndpointName"]
        hosted = [one.name for one in self._components.values() if one.endpoint.name == name]
        if hosted:
            raise validation_error(
                f"Endpoint {name} hosts inference components, which have to be deleted first: "
                f"{', '.join(sorted(hosted))}."
            )
        return super().delete_endpoint(request, caller)

    def component(self, name: str) -> InferenceComponent:
        if name not in self._components:
            component_arn = arn(self.account, "inference-component", name)
            raise validation_error(f'Could not find inference component "{component_arn}".')
        return self._components[name]

    def serving_component(self, endpoint_name: str, name: str) -> InferenceComponent | None:
        """The component of an endpoint that takes requests under a name, if there is one."""
        component = self._components.get(name)
        if component is None or component.endpoint.name != endpoint_name:
            return None
        return component if component.is_serving else None

    def _delete_one(self, component: InferenceComponent) -> None:
        close_fleets(component.fleets, DRAIN_SECONDS)
        with self._endpoints_lock:
            del self._components[component.name]
        self.forget_tags(component.arn)

    def _fleets_of(
        self, component: InferenceComponent, specification: dict[str, Any], copies: int
    ) -> Fleets:
        refuse_members(specification, _NOT_CARRIED_OUT, "name a model as ModelName")
        if "ModelName" not in specification:
            raise validation_error("The component's Specification needs a ModelName.")
        variant = {
            "VariantName": component.variant_name,
            "InitialInstanceCount": copies,
            **specification.get("StartupParameters", {}),
        }
        servable = self.servable(specification["ModelName"])
        fleet = Fleet(self.account, component.endpoint.name, variant, servable, component.log_group)
        return {component.variant_name: fleet}

    def _rolling(self, config: dict[str, Any]) -> TrafficPlan:
        """All new copies are started beside the old ones, and have to stand the wait."""
        policy = config.get("RollingUpdatePolicy", {})
        alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
        names = tuple(alarm["AlarmName"] for alarm in alarms if "AlarmName" in alarm)
        self.check_alarms(names)
        steps = ((1.0, policy.get("WaitIntervalInSeconds", 0)),)
        return TrafficPlan(steps, 0, names, policy.get("MaximumExecutionTimeoutInSeconds"))


def _check_idle(component: InferenceComponent) -> None:
    if component.status in IN_PROGRESS:
        raise validation_error(f'Cannot update in-progress inference component "{component.arn}".')
    if component.status == "Failed":
        raise validation_error(f'Cannot update failed inference component "{component.arn}".')


def _update(
    component: InferenceComponent, specification: dict[str, Any], deployment: Deployment
) -> None:
    try:
        deployment.run()
    except RolledBackError as error:
        component.enter("InService", str(error)[:1024])
        return
    component.specification = specification
    component.enter("InService")


def _scale(component: InferenceComponent, copies: int) -> None:
    assert component.fleet is not None
    try:
        component.fleet.scale(copies)
    except FleetFailedError as error:
        component.enter("InService", str(error))
        return
    component.enter("InService")
