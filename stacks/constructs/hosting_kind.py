"""How a model is hosted: on instances of its own, or in copies of which there may be none.

SageMaker scales what a variant of an endpoint config has its model on to one instance at the
fewest, and an inference component to none. Each has its own dimensions and metrics.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from stacks.environment import Endpoint
from stacks.environment.aws_offers import copy_resources

VARIANT_NAME = "AllTraffic"


@dataclass(frozen=True)
class HostingKind:
    """`scaled` and `dimension` are what Application Auto Scaling scales, `load` and `requests` the
    metrics it does it by; `dimensions` are those of CloudWatch's metrics.

    `component` is what the release workflow makes an inference component of, as JSONata.
    """

    scaled: str
    dimension: str
    load: str
    requests: str
    dimensions: dict[str, str]
    component: str

    @classmethod
    def of(cls, endpoint_name: str, endpoint: Endpoint) -> HostingKind:
        if endpoint.scales_to_zero:
            return cls(
                scaled=f"inference-component/{endpoint_name}",
                dimension="sagemaker:inference-component:DesiredCopyCount",
                load="SageMakerInferenceComponentInvocationsPerCopy",
                requests="SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
                dimensions={"InferenceComponentName": endpoint_name},
                component=_component(endpoint),
            )
        return cls(
            scaled=f"endpoint/{endpoint_name}/variant/{VARIANT_NAME}",
            dimension="sagemaker:variant:DesiredInstanceCount",
            load="SageMakerVariantInvocationsPerInstance",
            requests="SageMakerVariantConcurrentRequestsPerModelHighResolution",
            dimensions={"EndpointName": endpoint_name, "VariantName": VARIANT_NAME},
            component="null",
        )


def _component(endpoint: Endpoint) -> str:
    """While a version replaces another, half as many copies again have to have their instances."""
    made_of = {
        "MaxInstanceCount": endpoint.max_instances + math.ceil(endpoint.max_instances / 2),
        "ComputeResourceRequirements": copy_resources(endpoint.instance_type),
    }
    return json.dumps(made_of).replace('"', "'")
