"""Release: an approved model version, and nothing else, reaches the endpoint."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from meguru.events import event_source
from meguru.names import RUNS_PREFIX, endpoint_log_name
from stacks.constructs.grants import (
    default_bus_arn,
    grant,
    grant_pass_role,
    grant_table,
    sagemaker_arn,
)
from stacks.constructs.job import ContainerRole
from stacks.constructs.lake import Lake
from stacks.constructs.model_registry import ModelRegistry
from stacks.constructs.retention import LogGroup
from stacks.constructs.table import Table
from stacks.constructs.workflow import Workflow
from stacks.environment import Endpoint, Environment

VARIANT_NAME = "AllTraffic"
# Of a release, with its waiting for an earlier one; a claim that was left behind ends with it.
TIME_LIMIT = Duration.hours(6)


class ModelRelease(Construct):
    """The release workflow, what starts it, and the alarms a release is held against."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        endpoint: Endpoint,
        lake: Lake,
        registry: ModelRegistry,
        releases: Table,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._endpoint = environment, endpoint
        self._registry, self._releases, self._lake = registry, releases, lake
        log_name = endpoint_log_name(registry.endpoint_name)
        LogGroup(self, "EndpointLog", environment=environment, log_group_name=log_name)
        self._endpoint_role = ContainerRole(
            self,
            "EndpointRole",
            environment=environment,
            key=lake.key,
            image=registry.image,
            log_groups=(log_name, f"{log_name}:*"),
        )
        lake.grant_read(self._endpoint_role, RUNS_PREFIX)
        self.errors_alarm = self._create_errors_alarm()
        self.workflow = self._create_workflow()
        self._grant_release()
        self._grant_scaling()
        self._start_on_decision()

    def _create_errors_alarm(self) -> cloudwatch.Alarm:
        """A release that answers with errors is rolled back by this alarm."""
        return cloudwatch.Alarm(
            self,
            "EndpointErrors",
            alarm_description="The text endpoint answers with server errors.",
            metric=cloudwatch.Metric(
                namespace="AWS/SageMaker",
                metric_name="Invocation5XXErrors",
                dimensions_map={
                    "EndpointName": self._registry.endpoint_name,
                    "VariantName": VARIANT_NAME,
                },
                statistic="Sum",
                period=Duration.minutes(1),
            ),
            threshold=5,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _create_workflow(self) -> Workflow:
        endpoint, release = self._endpoint, self._endpoint.release
        return Workflow(
            self,
            "DeployModelVersion",
            environment=self._environment,
            name="deploy_model_version",
            key=self._lake.key,
            timeout=TIME_LIMIT,
            substitutions={
                "NamePrefix": self._registry.endpoint_name,
                "ReleaseTable": self._releases.table_name,
                "EndpointName": self._registry.endpoint_name,
                "EndpointRoleArn": self._endpoint_role.role_arn,
                "EndpointInstanceType": endpoint.instance_type,
                "VariantName": VARIANT_NAME,
                "MinInstances": str(endpoint.min_instances),
                "MaxInstances": str(endpoint.max_instances),
                "InvocationsPerInstance": str(endpoint.invocations_per_instance_per_minute),
                "TrafficRouting": release.traffic.upper(),
                "CanaryPercent": str(release.canary_percent),
                "BakeSeconds": str(release.bake_seconds),
                "MaxReleaseSeconds": str(release.bake_seconds * 2 + 3600),
                "ClaimSeconds": str(TIME_LIMIT.to_seconds()),
                "PollSeconds": str(release.poll_seconds),
                "RollbackAlarmName": self.errors_alarm.alarm_name,
                "EventBusName": "default",
                "EventSource": event_source(self._environment.name),
            },
        )

    def _grant_release(self) -> None:
        workflow, names = self.workflow, self._registry.made_by_runs
        models = sagemaker_arn(self, "model", names)
        configs = sagemaker_arn(self, "endpoint-config", names)
        grant(workflow, "sagemaker:DescribeModelPackage", self._registry.versions_arn)
        # A model made of a package is checked against both.
        grant(workflow, "sagemaker:CreateModel", models, self._registry.versions_arn)
        grant(workflow, "sagemaker:CreateEndpointConfig", configs, models)
        grant(workflow, "sagemaker:AddTags", models, configs)
        grant(
            workflow,
            ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
            self._registry.endpoint_arn,
            configs,
        )
        grant(
            workflow,
            ["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint", "sagemaker:AddTags"],
            self._registry.endpoint_arn,
        )
        grant(workflow, "cloudwatch:DescribeAlarms", self.errors_alarm.alarm_arn)
        grant_pass_role(workflow, self._endpoint_role, "sagemaker.amazonaws.com")
        grant_table(workflow, self._releases, "GetItem", "UpdateItem")
        grant(workflow, "events:PutEvents", default_bus_arn(self))

    def _grant_scaling(self) -> None:
        stack = Stack.of(self)
        grant(
            self.workflow,
            [
                "application-autoscaling:RegisterScalableTarget",
                "application-autoscaling:PutScalingPolicy",
                "application-autoscaling:TagResource",
            ],
            stack.format_arn(
                service="application-autoscaling", resource="scalable-target", resource_name="*"
            ),
        )
        # The first target of an account makes Application Auto Scaling's own role for endpoints.
        role = "sagemaker.application-autoscaling.amazonaws.com"
        iam.Grant.add_to_principal(
            grantee=self.workflow,
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
        # What a scaling policy makes and changes, as its caller.
        grant(
            self.workflow,
            ["cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"],
            stack.format_arn(
                service="cloudwatch",
                resource="alarm",
                # Target tracking names its alarms by what it scales.
                resource_name=f"TargetTracking-endpoint/{self._registry.endpoint_name}/*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            ),
        )
        grant(
            self.workflow,
            ["sagemaker:UpdateEndpointWeightsAndCapacities"],
            self._registry.endpoint_arn,
        )

    def _start_on_decision(self) -> None:
        events.Rule(
            self,
            "ModelVersionDecided",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={
                    "ModelPackageGroupName": [self._registry.group_name],
                    # The other ones too: a version that was rejected may be approved again.
                    "ModelApprovalStatus": ["Approved", "Rejected", "PendingManualApproval"],
                },
            ),
            targets=[targets.SfnStateMachine(self.workflow)],
        )
