"""What can be scaled: a variant's instances and a component's copies, by their number."""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import ClientError

from localcloud.calls import ServiceError

VARIANT_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
COPY_DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
DIMENSIONS = (VARIANT_DIMENSION, COPY_DIMENSION)
_VARIANT = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
_COMPONENT = re.compile(r"inference-component/([^/]+)")


def check_there(sagemaker: Any, resource_id: str, dimension: str) -> None:
    """ServiceError where there is no such variant or component."""
    found = None
    if dimension == VARIANT_DIMENSION:
        found = _variant(sagemaker, resource_id)
        said = f"No production variant found for resource ID: {resource_id}"
    else:
        found = _component(sagemaker, resource_id)
        said = f"No inference component found for resource ID: {resource_id}"
    if found is None:
        raise ServiceError("ValidationException", said)


def capacity_of(sagemaker: Any, resource_id: str, dimension: str) -> int | None:
    """The desired count; None while it is not there or is changing."""
    if dimension == VARIANT_DIMENSION:
        variant = _variant(sagemaker, resource_id)
        is_steady = variant is not None and variant["EndpointStatus"] == "InService"
        return variant.get("DesiredInstanceCount") if variant and is_steady else None
    component = _component(sagemaker, resource_id)
    if component is None or component["InferenceComponentStatus"] != "InService":
        return None
    count: int | None = component.get("RuntimeConfig", {}).get("DesiredCopyCount")
    return count


def set_capacity(sagemaker: Any, resource_id: str, dimension: str, capacity: int) -> None:
    """ClientError where SageMaker refuses it."""
    if dimension == VARIANT_DIMENSION:
        variant = _VARIANT.fullmatch(resource_id)
        assert variant is not None
        desired = {"VariantName": variant[2], "DesiredInstanceCount": capacity}
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=variant[1], DesiredWeightsAndCapacities=[desired]
        )
        return
    component = _COMPONENT.fullmatch(resource_id)
    assert component is not None
    sagemaker.update_inference_component_runtime_config(
        InferenceComponentName=component[1], DesiredRuntimeConfig={"CopyCount": capacity}
    )


def metric_dimensions(resource_id: str) -> list[dict[str, str]]:
    """What CloudWatch's metrics of it have for dimensions."""
    if component := _COMPONENT.fullmatch(resource_id):
        return [{"Name": "InferenceComponentName", "Value": component[1]}]
    variant = _VARIANT.fullmatch(resource_id)
    assert variant is not None
    named = {"EndpointName": variant[1], "VariantName": variant[2]}
    return [{"Name": name, "Value": value} for name, value in named.items()]


def _variant(sagemaker: Any, resource_id: str) -> dict[str, Any] | None:
    match = _VARIANT.fullmatch(resource_id)
    try:
        endpoint = sagemaker.describe_endpoint(EndpointName=match[1]) if match else {}
    except ClientError:
        return None
    for variant in endpoint.get("ProductionVariants", []):
        if match and variant["VariantName"] == match[2]:
            return {**variant, "EndpointStatus": endpoint["EndpointStatus"]}
    return None


def _component(sagemaker: Any, resource_id: str) -> dict[str, Any] | None:
    match = _COMPONENT.fullmatch(resource_id)
    if match is None:
        return None
    try:
        found: dict[str, Any] = sagemaker.describe_inference_component(
            InferenceComponentName=match[1]
        )
    except ClientError:
        return None
    return found
