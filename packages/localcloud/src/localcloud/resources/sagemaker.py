"""AWS::SageMaker."""

from __future__ import annotations

import time
from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider


def model(context: Context, properties: Properties) -> Created:
    name = properties.get("ModelName") or context.physical_name(63)
    settings = properties.without("ModelName")
    arn = context.call("sagemaker", "CreateModel", **settings, ModelName=name)["ModelArn"]
    return Created(arn, {"ModelName": name, "ModelArn": arn})


def endpoint_config(context: Context, properties: Properties) -> Created:
    name = properties.get("EndpointConfigName") or context.physical_name(63)
    settings = properties.without("EndpointConfigName")
    made = context.call("sagemaker", "CreateEndpointConfig", **settings, EndpointConfigName=name)
    arn = made["EndpointConfigArn"]
    return Created(arn, {"EndpointConfigName": name, "EndpointConfigArn": arn})


def endpoint(context: Context, properties: Properties) -> Created:
    name = properties.get("EndpointName") or context.physical_name(63)
    settings = properties.without("EndpointName", "ExcludeRetainedVariantProperties")
    made = context.call("sagemaker", "CreateEndpoint", **settings, EndpointName=name)
    arn = made["EndpointArn"]
    context.client("sagemaker").get_waiter("endpoint_in_service").wait(
        EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600}
    )
    return Created(arn, {"EndpointName": name, "EndpointArn": arn})


def inference_component(context: Context, properties: Properties) -> Created:
    name = properties.get("InferenceComponentName") or context.physical_name(63)
    settings = properties.without("InferenceComponentName", "DeploymentConfig")
    made = context.call(
        "sagemaker", "CreateInferenceComponent", **settings, InferenceComponentName=name
    )
    _wait_for_component(context, name)
    arn = made["InferenceComponentArn"]
    return Created(arn, {"InferenceComponentName": name, "InferenceComponentArn": arn})


def _wait_for_component(context: Context, name: str) -> None:
    """botocore has no waiter for it. ValueError where it has failed."""
    client = context.client("sagemaker")
    while True:
        found = client.describe_inference_component(InferenceComponentName=name)
        if found["InferenceComponentStatus"] == "Failed":
            raise ValueError(f"{name} has failed: {found.get('FailureReason')}")
        if found["InferenceComponentStatus"] == "InService":
            return
        time.sleep(0.2)


def model_package_group(context: Context, properties: Properties) -> Created:
    settings = properties.without("ModelPackageGroupPolicy")
    arn = context.call("sagemaker", "CreateModelPackageGroup", **settings)["ModelPackageGroupArn"]
    if policy := properties.get("ModelPackageGroupPolicy"):
        context.call(
            "sagemaker",
            "PutModelPackageGroupPolicy",
            ModelPackageGroupName=properties["ModelPackageGroupName"],
            ResourcePolicy=policy,
        )
    return Created(arn, {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed"})


def model_package(context: Context, properties: Properties) -> Created:
    arn = context.call("sagemaker", "CreateModelPackage", **properties)["ModelPackageArn"]
    return Created(arn, {"ModelPackageArn": arn, "ModelPackageStatus": "Completed"})


PROVIDERS: Mapping[str, Provider] = {
    "AWS::SageMaker::Model": model,
    "AWS::SageMaker::EndpointConfig": endpoint_config,
    "AWS::SageMaker::Endpoint": endpoint,
    "AWS::SageMaker::InferenceComponent": inference_component,
    "AWS::SageMaker::ModelPackageGroup": model_package_group,
    "AWS::SageMaker::ModelPackage": model_package,
}
