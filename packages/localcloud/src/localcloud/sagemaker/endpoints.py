"""Endpoints: create, update, scale, describe, list, delete."""

from __future__ import annotations

import threading
from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response
from localcloud.sagemaker.deployment import (
    DRAIN_SECONDS,
    Deployment,
    RolledBackError,
    alarms_in,
    bring_up,
    close_fleets,
)
from localcloud.sagemaker.endpoint import IN_PROGRESS, Endpoint, Fleets
from localcloud.sagemaker.endpoint_configs import EndpointConfigs, hosts_components
from localcloud.sagemaker.fleet import Fleet, FleetFailedError
from localcloud.sagemaker.naming import arn, check_name, validation_error
from localcloud.sagemaker.paging import listing
from localcloud.sagemaker.traffic import TrafficPlan, read_plan

_SUMMARY = (
    "EndpointName",
    "EndpointArn",
    "CreationTime",
    "LastModifiedTime",
    "EndpointStatus",
)


class Endpoints(EndpointConfigs):
    """The endpoint part of SageMaker's API."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._endpoints: dict[str, Endpoint] = {}
        self._endpoints_lock = threading.Lock()

    def stop(self) -> None:
        super().stop()
        for endpoint in list(self._endpoints.values()):
            close_fleets(endpoint.fleets, 0.0)
            close_fleets(endpoint.new_fleets, 0.0)

    def create_endpoint(self, request: Request, caller: Caller) -> Response:
        name = request["EndpointName"]
        check_name(name, "endpointName")
        config = self.endpoint_config(request["EndpointConfigName"])
        fleets = self._new_fleets(name, config)
        self._plan(request.get("DeploymentConfig", {}), fleets)
        endpoint = Endpoint(self.account, name, arn(self.account, "endpoint", name), config)
        endpoint.deployment_config = request.get("DeploymentConfig", {})
        with self._endpoints_lock:
            if name in self._endpoints:
                raise validation_error(f'Cannot create already existing endpoint "{endpoint.arn}".')
            self.tag_resource_at_creation(endpoint.arn, request)
            endpoint.tags = self.tags_of(endpoint.arn)
            self._endpoints[name] = endpoint
        endpoint.enter("Creating")
        self.run_job(f"create endpoint {name}", lambda: bring_up(endpoint, fleets))
        return {"EndpointArn": endpoint.arn}

    def describe_endpoint(self, request: Request, caller: Caller) -> Response:
        return self.endpoint(request["EndpointName"]).describe()

    def list_endpoints(self, request: Request, caller: Caller) -> Response:
        return listing(
            [endpoint.describe() for endpoint in list(self._endpoints.values())],
            request,
            name="EndpointName",
            status="EndpointStatus",
            members=_SUMMARY,
            result="Endpoints",
        )

    def update_endpoint(self, request: Request, caller: Caller) -> Response:
        endpoint = self.endpoint(request["EndpointName"])
        config = self.endpoint_config(request["EndpointConfigName"])
        if endpoint.hosts_components or hosts_components(config):
            raise validation_error(
                "UpdateEndpoint of an endpoint that hosts inference components is not carried out "
                "by localcloud: update the components, or make the endpoint anew."
            )
        fleets = self._new_fleets(endpoint.name, config)
        self._check_scalable_targets(endpoint, fleets)
        if request.get("RetainAllVariantProperties"):
            excluded = request.get("ExcludeRetainedVariantProperties", [])
            _retain(endpoint.fleets, fleets, {e["VariantPropertyType"] for e in excluded})
        deployment_config = request.get("DeploymentConfig", {})
        if request.get("RetainDeploymentConfig"):
            deployment_config = endpoint.deployment_config
        plan = self._plan(deployment_config, fleets)
        with endpoint.lock:
            _check_idle(endpoint)
            endpoint.deployment_config = deployment_config
            endpoint.enter("Updating")
        deployment = Deployment(self.account, endpoint, fleets, plan)
        self.run_job(
            f"update endpoint {endpoint.name}", lambda: _update(endpoint, config, deployment)
        )
        return {"EndpointArn": endpoint.arn}

    def update_endpoint_weights_and_capacities(self, request: Request, caller: Caller) -> Response:
        endpoint = self.endpoint(request["EndpointName"])
        desired = request["DesiredWeightsAndCapacities"]
        for each in desired:
            if each["VariantName"] not in endpoint.fleets:
                raise validation_error(
                    f'Could not find variant {each["VariantName"]} of endpoint "{endpoint.arn}".'
                )
            if each.get("DesiredInstanceCount", 1) < 1:
                raise validation_error(
                    f"Variant {each['VariantName']} needs at least one instance: a real-time "
                    "endpoint does not scale to none."
                )
        with endpoint.lock:
            _check_idle(endpoint)
            endpoint.enter("Updating")
        self.run_job(f"scale endpoint {endpoint.name}", lambda: _scale(endpoint, desired))
        return {"EndpointArn": endpoint.arn}

    def delete_endpoint(self, request: Request, caller: Caller) -> Response:
        endpoint = self.endpoint(request["EndpointName"])
        with endpoint.lock:
            if endpoint.status in IN_PROGRESS:
                raise validation_error(f'Cannot update in-progress endpoint "{endpoint.arn}".')
            endpoint.enter("Deleting")
        self.run_job(f"delete endpoint {endpoint.name}", lambda: self._delete(endpoint))
        return {}

    def endpoint(self, name: str) -> Endpoint:
        if name not in self._endpoints:
            raise validation_error(
                f'Could not find endpoint "{arn(self.account, "endpoint", name)}".'
            )
        return self._endpoints[name]

    def serving_endpoint(self, name: str) -> Endpoint | None:
        """The endpoint that takes requests under a name, if there is one."""
        endpoint = self._endpoints.get(name)
        return endpoint if endpoint and endpoint.is_serving else None

    def _delete(self, endpoint: Endpoint) -> None:
        close_fleets(endpoint.fleets, DRAIN_SECONDS)
        with self._endpoints_lock:
            del self._endpoints[endpoint.name]
        self.forget_tags(endpoint.arn)

    def _new_fleets(self, endpoint_name: str, config: dict[str, Any]) -> Fleets:
        return {
            variant["VariantName"]: Fleet(
                self.account, endpoint_name, variant, self.servable(variant["ModelName"])
            )
            for variant in config["ProductionVariants"]
            # Without one it hosts inference components, each with copies of its own.
            if "ModelName" in variant
        }

    def _check_scalable_targets(self, endpoint: Endpoint, new: Fleets) -> None:
        """ServiceError where a scalable target would go, or get another instance type.

        Source: "Update endpoints that use auto scaling", SageMaker AI Developer Guide.
        """
        changed = [
            name
            for name, old in endpoint.fleets.items()
            if name not in new or _instance_type(new[name]) != _instance_type(old)
        ]
        if not changed:
            return
        resources = {f"endpoint/{endpoint.name}/variant/{name}": name for name in changed}
        found = self.account.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=list(resources)
        )
        refused = [resources[target["ResourceId"]] for target in found["ScalableTargets"]]
        if refused:
            raise validation_error(
                f"The variant(s) {', '.join(sorted(refused))} must be deregistered as scalable "
                "target with AutoScaling before they can be removed or have their instance type "
                "updated."
            )

    def _plan(self, deployment_config: dict[str, Any], fleets: Fleets) -> TrafficPlan:
        count = sum(fleet.desired_count for fleet in fleets.values())
        plan = read_plan(deployment_config, count)
        self.check_alarms(plan.alarm_names)
        return plan

    def check_alarms(self, names: tuple[str, ...]) -> None:
        """Refused where one of the alarms isn't there: nothing would ever be taken back."""
        missing = set(names) - set(alarms_in(self.account, names))
        if missing:
            raise validation_error(
                f"AutoRollbackConfiguration: could not find alarms {', '.join(sorted(missing))}."
            )


def _instance_type(fleet: Fleet) -> str | None:
    instance_type: str | None = fleet.variant.get("InstanceType")
    return instance_type


def _check_idle(endpoint: Endpoint) -> None:
    if endpoint.status in IN_PROGRESS:
        raise validation_error(f'Cannot update in-progress endpoint "{endpoint.arn}".')
    if endpoint.status == "Failed":
        raise validation_error(
            f'Cannot update failed endpoint "{endpoint.arn}": delete it and create it again.'
        )


def _update(endpoint: Endpoint, config: dict[str, Any], deployment: Deployment) -> None:
    try:
        deployment.run()
    except RolledBackError as error:
        # As in AWS, the endpoint goes on as it was and says why.
        endpoint.enter("InService", str(error)[:1024])
        return
    endpoint.config = config
    endpoint.enter("InService")


def _scale(endpoint: Endpoint, desired: list[dict[str, Any]]) -> None:
    try:
        for each in desired:
            fleet = endpoint.fleets[each["VariantName"]]
            fleet.weight = each.get("DesiredWeight", fleet.weight)
            fleet.scale(each.get("DesiredInstanceCount", fleet.desired_count))
    except FleetFailedError as error:
        endpoint.enter("InService", str(error))
        return
    endpoint.enter("InService")


def _retain(old: Fleets, new: Fleets, excluded: set[str]) -> None:
    for name in old.keys() & new.keys():
        if "DesiredInstanceCount" not in excluded:
            new[name].desired_count = old[name].desired_count
        if "DesiredWeight" not in excluded:
            new[name].weight = old[name].weight
