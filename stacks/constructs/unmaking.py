"""The end of what a model's runs have made: it goes when the stack goes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IDependable

from meguru.names import JOB_LOG_GROUPS, made_by_runs, smoke_endpoint_name
from stacks.constructs.grants import grant, grant_table, sagemaker_arn
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.release_grants import scaling_alarm_arns
from stacks.constructs.table import Table
from stacks.environment import Environment

STARTS_RUNS = (events.CfnRule, lambda_.CfnEventSourceMapping)


class Unmaking(Construct):
    """A custom resource that unmakes, at the stack's deletion, what runs made under `name`.

    Made last in its stack: what starts runs is deleted before it, and what runs need after it.
    `after` names what else runs have filled, or fill as long as they run.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        name: str,
        workflows: Sequence[sfn.StateMachine],
        releases: Table,
        after: Sequence[IDependable] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self._name = name
        function = PythonFunction(
            self,
            "UnmakeModel",
            environment=environment,
            folder="unmake_model",
            variables={
                "MODEL": name,
                "WORKFLOWS": json.dumps([one.state_machine_arn for one in workflows]),
                "KEEPS_VERSIONS": json.dumps(not environment.destroyable),
                "RELEASE_TABLE": releases.table_name,
            },
            timeout=cdk.Duration.minutes(15),
        )
        self._grant_runs(function, workflows)
        self._grant_endpoint(function)
        grant_table(function, releases, "DeleteItem")
        grant(function, "cloudformation:DescribeStacks", Stack.of(self).stack_id)
        if environment.destroyable:
            self._grant_versions_and_logs(function)
        resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::UnmakeModel",
            service_token=function.function_arn,
            service_timeout=cdk.Duration.hours(1),
        )
        resource.node.add_dependency(*after)
        for construct in Stack.of(self).node.find_all():
            if isinstance(construct, STARTS_RUNS):
                construct.node.add_dependency(resource)

    def _grant_runs(self, function: PythonFunction, workflows: Sequence[sfn.StateMachine]) -> None:
        runs = made_by_runs(self._name)
        for workflow in workflows:
            grant(function, "states:ListExecutions", workflow.state_machine_arn)
            executions = Stack.of(self).format_arn(
                service="states",
                resource="execution",
                resource_name=f"{workflow.state_machine_name}:*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            grant(function, "states:StopExecution", executions)
        grant(function, "sagemaker:StopTrainingJob", sagemaker_arn(self, "training-job", runs))
        grant(function, "sagemaker:StopProcessingJob", sagemaker_arn(self, "processing-job", runs))
        # Listings take no resource.
        listings = ("TrainingJobs", "ProcessingJobs", "EndpointConfigs", "Models")
        grant(function, [f"sagemaker:List{listing}" for listing in listings], "*")

    def _grant_endpoint(self, function: PythonFunction) -> None:
        runs = made_by_runs(self._name)
        grant(
            function,
            ["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"],
            sagemaker_arn(self, "endpoint", self._name),
            sagemaker_arn(self, "endpoint", smoke_endpoint_name(self._name)),
        )
        grant(
            function,
            ["sagemaker:DescribeInferenceComponent", "sagemaker:DeleteInferenceComponent"],
            sagemaker_arn(self, "inference-component", self._name),
        )
        configs = sagemaker_arn(self, "endpoint-config", runs)
        grant(function, "sagemaker:DeleteEndpointConfig", configs)
        grant(function, "sagemaker:DeleteModel", sagemaker_arn(self, "model", runs))
        grant(
            function,
            ["application-autoscaling:DescribeScalableTargets", "cloudwatch:DescribeAlarms"],
            "*",
        )
        stack = Stack.of(self)
        targets = stack.format_arn(
            service="application-autoscaling", resource="scalable-target", resource_name="*"
        )
        grant(function, "application-autoscaling:DeregisterScalableTarget", targets)
        grant(function, "cloudwatch:DeleteAlarms", *scaling_alarm_arns(stack, self._name))

    def _grant_versions_and_logs(self, function: PythonFunction) -> None:
        versions = sagemaker_arn(self, "model-package", f"{self._name}/*")
        grant(function, "sagemaker:ListModelPackages", "*")
        grant(function, "sagemaker:DeleteModelPackage", versions)
        for group in JOB_LOG_GROUPS:
            grant(function, "logs:DescribeLogStreams", self._log_arn(group))
            stream = f"{group}:log-stream:{made_by_runs(self._name)}/*"
            grant(function, "logs:DeleteLogStream", self._log_arn(stream))

    def _log_arn(self, resource_name: str) -> str:
        """Groups are named with `:*` at the end, whatever is done with them."""
        suffix = "" if ":log-stream:" in resource_name else ":*"
        return Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{resource_name}{suffix}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
