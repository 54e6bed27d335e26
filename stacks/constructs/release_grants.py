"""What a release may do: make models and configs, change its endpoint, scale it."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam

from meguru.names import wake_alarm_name
from stacks.constructs.grants import grant, sagemaker_arn
from stacks.constructs.model_registry import ModelRegistry


def grant_hosting(
    workflow: iam.IGrantable,
    registry: ModelRegistry,
    names: str,
    smoke_endpoint_arn: str,
    *alarm_arns: str,
) -> None:
    """Models and endpoint configs of these names, the one endpoint, the component on it, and the
    endpoint of smoke tests.

    The component also where there is none to be: an environment may have had one before.
    """
    models = sagemaker_arn(registry, "model", names)
    configs = sagemaker_arn(registry, "endpoint-config", names)
    # A model made of a package is checked against both.
    grant(workflow, "sagemaker:CreateModel", models, registry.versions_arn)
    grant(workflow, "sagemaker:CreateEndpointConfig", configs, models)
    grant(workflow, "sagemaker:AddTags", models, configs)
    grant(
        workflow,
        ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
        registry.endpoint_arn,
        configs,
    )
    grant(workflow, "sagemaker:CreateEndpoint", smoke_endpoint_arn, configs)
    grant(
        workflow,
        ["sagemaker:DeleteEndpoint", "sagemaker:AddTags"],
        registry.endpoint_arn,
        smoke_endpoint_arn,
    )
    grant(
        workflow,
        [f"sagemaker:{verb}InferenceComponent" for verb in ("Create", "Update", "Delete")],
        registry.component_arn,
        registry.endpoint_arn,
        models,
    )
    grant(workflow, "sagemaker:AddTags", registry.component_arn)
    grant(workflow, "cloudwatch:DescribeAlarms", *alarm_arns)


def grant_looking(
    function: iam.IGrantable,
    registry: ModelRegistry,
    names: str,
    smoke_endpoint_arn: str,
) -> None:
    """What is approved, what is there of a release, and whether its alarms could ring."""
    # Lists take no resource, and neither do metrics.
    alarms = ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricStatistics"]
    grant(function, ["sagemaker:ListModelPackages", *alarms], "*")
    grant(function, "sagemaker:DescribeModelPackage", registry.versions_arn)
    grant(function, "sagemaker:DescribeEndpoint", registry.endpoint_arn, smoke_endpoint_arn)
    grant(function, "sagemaker:DescribeInferenceComponent", registry.component_arn)
    grant(function, "sagemaker:DescribeModel", sagemaker_arn(registry, "model", names))
    grant(
        function,
        "sagemaker:DescribeEndpointConfig",
        sagemaker_arn(registry, "endpoint-config", names),
    )


def grant_scalable_target(grantee: iam.IGrantable, registry: ModelRegistry, *actions: str) -> None:
    """Actions on the endpoint as a scalable target, at which they look as their caller."""
    targets = Stack.of(registry).format_arn(
        service="application-autoscaling", resource="scalable-target", resource_name="*"
    )
    grant(grantee, [f"application-autoscaling:{action}" for action in actions], targets)
    grant(
        grantee,
        ["sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"],
        registry.endpoint_arn,
    )
    grant(
        grantee,
        [
            "sagemaker:DescribeInferenceComponent",
            "sagemaker:UpdateInferenceComponentRuntimeConfig",
        ],
        registry.component_arn,
    )


def grant_scaling(workflow: iam.IGrantable, registry: ModelRegistry) -> None:
    """The endpoint as a scalable target, and what its scaling policy makes as its caller."""
    stack = Stack.of(registry)
    grant_scalable_target(
        workflow,
        registry,
        "RegisterScalableTarget",
        "DeregisterScalableTarget",
        "PutScalingPolicy",
        "DeleteScalingPolicy",
        "TagResource",
    )
    # The first target of an account makes Application Auto Scaling's own role for endpoints.
    role = "sagemaker.application-autoscaling.amazonaws.com"
    iam.Grant.add_to_principal(
        grantee=workflow,
        actions=["iam:CreateServiceLinkedRole"],
        resource_arns=[
            stack.format_arn(
                service="iam",
                region="",
                resource="role",
                resource_name=f"aws-service-role/{role}/*",
            )
        ],
        conditions={"StringEquals": {"iam:AWSServiceName": role}},
    )
    grant(
        workflow,
        ["cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"],
        *scaling_alarm_arns(stack, registry.endpoint_name),
    )


def scaling_alarm_arns(stack: Stack, endpoint_name: str) -> list[str]:
    """Those of target tracking, which it names by what it scales, and the one that wakes."""
    names = (
        f"TargetTracking-endpoint/{endpoint_name}/*",
        f"TargetTracking-inference-component/{endpoint_name}-Alarm*",
        wake_alarm_name(endpoint_name),
    )
    return [
        stack.format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        for name in names
    ]
