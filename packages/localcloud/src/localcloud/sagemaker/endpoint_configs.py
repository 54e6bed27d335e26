"""Endpoint configurations: which models an endpoint serves, and on how many instances."""

from __future__ import annotations

from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response
from localcloud.sagemaker.models import Models
from localcloud.sagemaker.naming import arn, check_name, refuse_members, validation_error
from localcloud.sagemaker.paging import listing

_NOT_CARRIED_OUT = ("AsyncInferenceConfig", "ShadowProductionVariants", "ExplainerConfig")

_OF_INSTANCES = ("InstanceType", "InitialInstanceCount")


class EndpointConfigs(Models):
    """The endpoint configuration part of SageMaker's API."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._endpoint_configs: dict[str, dict[str, Any]] = {}

    def create_endpoint_config(self, request: Request, caller: Caller) -> Response:
        name = request["EndpointConfigName"]
        check_name(name, "endpointConfigName")
        refuse_members(request, _NOT_CARRIED_OUT, "use real-time production variants")
        config_arn = arn(self.account, "endpoint-config", name)
        if name in self._endpoint_configs:
            raise validation_error(
                f'Cannot create already existing endpoint configuration "{config_arn}".'
            )
        variants = request["ProductionVariants"]
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) < len(names) or not names:
            raise validation_error("Production variants must have names, each its own.")
        for variant in variants:
            self._check_variant(variant)
        _check_components(request, variants)
        self.tag_resource_at_creation(config_arn, request)
        self._endpoint_configs[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "EndpointConfigArn": config_arn,
            "CreationTime": self.account.clock.now(),
            "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        }
        return {"EndpointConfigArn": config_arn}

    def describe_endpoint_config(self, request: Request, caller: Caller) -> Response:
        return dict(self.endpoint_config(request["EndpointConfigName"]))

    def list_endpoint_configs(self, request: Request, caller: Caller) -> Response:
        return listing(
            list(self._endpoint_configs.values()),
            request,
            name="EndpointConfigName",
            members=("EndpointConfigName", "EndpointConfigArn", "CreationTime"),
            result="EndpointConfigs",
        )

    def delete_endpoint_config(self, request: Request, caller: Caller) -> Response:
        config = self.endpoint_config(request["EndpointConfigName"])
        del self._endpoint_configs[config["EndpointConfigName"]]
        self.forget_tags(config["EndpointConfigArn"])
        return {}

    def endpoint_config(self, name: str) -> dict[str, Any]:
        if name not in self._endpoint_configs:
            config_arn = arn(self.account, "endpoint-config", name)
            raise validation_error(f'Could not find endpoint configuration "{config_arn}".')
        return self._endpoint_configs[name]

    def _check_variant(self, variant: dict[str, Any]) -> None:
        name = variant["VariantName"]
        check_name(name, "productionVariants.member.variantName")
        if "ModelName" in variant:
            self.servable(variant["ModelName"])
        if "ServerlessConfig" in variant:
            given = [each for each in _OF_INSTANCES if each in variant]
            if given:
                raise validation_error(
                    f"Variant {name} is serverless: {', '.join(given)} can't be given with it."
                )
            return
        if variant.get("InitialInstanceCount", 0) < 1 or "InstanceType" not in variant:
            raise validation_error(
                f"Variant {name} needs an InstanceType and an InitialInstanceCount of at least 1."
            )


def hosts_components(config: dict[str, Any]) -> bool:
    """Whether a configuration's variants have no models of their own."""
    return all("ModelName" not in variant for variant in config["ProductionVariants"])


def _check_components(request: dict[str, Any], variants: list[dict[str, Any]]) -> None:
    """Source: "Set up your environment to use inference components", SageMaker AI guide."""
    without = [one["VariantName"] for one in variants if "ModelName" not in one]
    if without and len(without) < len(variants):
        raise validation_error(
            f"Variants {', '.join(without)} have no ModelName, and others have one: an endpoint "
            "hosts inference components, or models."
        )
    if without and not request.get("ExecutionRoleArn"):
        raise validation_error(
            f"Variant {without[0]} has no ModelName: to host inference components, the "
            "configuration needs an ExecutionRoleArn."
        )
    managed = [one["VariantName"] for one in variants if "ManagedInstanceScaling" in one]
    if managed and not without:
        raise validation_error(
            f"Variant {managed[0]}: ManagedInstanceScaling is only supported for inference "
            "component endpoints."
        )
