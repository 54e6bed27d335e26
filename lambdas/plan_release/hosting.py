"""What SageMaker has of a release: the endpoint, the model, the endpoint config."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from lambdas.plan_release.plan import Component, Endpoint
from meguru.refusals import says_missing

# The folders that a container finds beside its model, each by a package's property of this name.
CHANNELS = ("base", "prompt")


def release_name(prefix: str, package: str, created_at: str, hosting: dict[str, Any]) -> str:
    """A name that says what a model and its config are made of: the same again has the same name.

    A version's number comes again when its group was deleted, so its time is part of it.
    """
    made_of = json.dumps([package, created_at, hosting], sort_keys=True)
    return f"{prefix}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"


def hosting_config_name(prefix: str, hosting: dict[str, Any]) -> str:
    """The config of an endpoint that hosts an inference component has no model in it."""
    return release_name(prefix, "", "", hosting)


def find_endpoint(sagemaker: Any, name: str) -> Endpoint | None:
    """The endpoint and its one variant, None where there is none of this name."""
    found = _found(lambda: sagemaker.describe_endpoint(EndpointName=name))
    if found is None:
        return None
    [variant] = found.get("ProductionVariants") or [{}]
    configured = _configured_variant(sagemaker, found["EndpointConfigName"])
    return Endpoint(
        status=found["EndpointStatus"],
        config_name=found["EndpointConfigName"],
        instance_type=configured.get("InstanceType"),
        num_instances=variant.get("DesiredInstanceCount", 0),
        failure_reason=found.get("FailureReason", ""),
        hosts_components=bool(configured) and "ModelName" not in configured,
    )


def find_component(sagemaker: Any, name: str) -> Component | None:
    """The inference component of an endpoint, which has its name; None where there is none."""
    found = _found(lambda: sagemaker.describe_inference_component(InferenceComponentName=name))
    if found is None:
        return None
    return Component(
        status=found["InferenceComponentStatus"],
        model_name=found.get("Specification", {}).get("ModelName", ""),
        num_copies=found.get("RuntimeConfig", {}).get("DesiredCopyCount", 0),
        failure_reason=found.get("FailureReason", ""),
    )


def metadata(sagemaker: Any, package: str) -> dict[str, str]:
    """What a package was registered with: text by name."""
    described = sagemaker.describe_model_package(ModelPackageName=package)
    named: dict[str, str] = described.get("CustomerMetadataProperties", {})
    return named


def data_sources(named: Mapping[str, str]) -> dict[str, Any]:
    """What a model has beside its own data, as a member of its container, by its metadata.

    An adapter's base model, and a prompt, lie in the lake by themselves: the package names them.
    """
    sources = [
        _data_source(channel, named[f"{channel}_uri"])
        for channel in CHANNELS
        if named.get(f"{channel}_uri")
    ]
    return {"AdditionalModelDataSources": sources} if sources else {}


def _data_source(channel: str, uri: str) -> dict[str, Any]:
    place = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"ChannelName": channel, "S3DataSource": place}


def has_model(sagemaker: Any, name: str) -> bool:
    return _found(lambda: sagemaker.describe_model(ModelName=name)) is not None


def has_config(sagemaker: Any, name: str) -> bool:
    return _found(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=name)) is not None


def _configured_variant(sagemaker: Any, config_name: str) -> dict[str, Any]:
    """Empty where the config was deleted."""
    config = _found(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=config_name))
    variant: dict[str, Any] = config["ProductionVariants"][0] if config else {}
    return variant


def _found(describe: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """What is described, None where it is not there: any other refusal is an error."""
    try:
        return describe()
    except ClientError as error:
        if says_missing(error.response["Error"]):
            return None
        raise
