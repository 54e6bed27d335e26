"""Release: the version that was approved last comes to serve, and falls back on alarm."""

from __future__ import annotations

import json

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from meguru.events import event_source
from meguru.fingerprint import sha256_hex
from meguru.load_report import LOAD_EVENT, TOKENS_METRIC, load_namespace
from meguru.names import (
    BASE_MODELS_PREFIX,
    RUNS_PREFIX,
    endpoint_log_name,
    prompts_prefix,
    smoke_endpoint_name,
    wake_alarm_name,
)
from stacks.constructs.endpoint_hours import EndpointSchedule
from stacks.constructs.grants import (
    default_bus_arn,
    grant,
    grant_pass_role,
    grant_table,
    sagemaker_arn,
)
from stacks.constructs.hosting_kind import VARIANT_NAME, HostingKind
from stacks.constructs.job import ContainerRole
from stacks.constructs.lake import Lake
from stacks.constructs.model_registry import ModelRegistry
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.release_alarms import ReleaseAlarms
from stacks.constructs.release_grants import grant_hosting, grant_looking, grant_scaling
from stacks.constructs.release_triggers import ReleaseTriggers
from stacks.constructs.retention import LogGroup
from stacks.constructs.table import Table
from stacks.constructs.workflow import Workflow
from stacks.environment import Environment
from stacks.environment.aws_offers import inference_ami
from stacks.environment.model import Model

# How long a container may take until it serves. vLLM compiles, and captures graphs, before it does.
STARTUP_SECONDS = {"meguru": 480, "vllm": 1800}
# Longer than a release takes that waits for capacity.
TIME_LIMIT = Duration.hours(12)


class ModelRelease(Construct):
    """The release workflow, what starts it, and the alarms a release is held against."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        model_key: str,
        model: Model,
        lake: Lake,
        registry: ModelRegistry,
        releases: Table,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._model, self._endpoint = environment, model, model.endpoint
        self._model_name = environment.name_in_api(model_key)
        self._registry, self._releases, self._lake = registry, releases, lake
        self._kind = HostingKind.of(registry.endpoint_name, model.endpoint)
        log_name = environment.container_logs[self._model_name]
        self.endpoint_log = LogGroup(
            self, "EndpointLog", environment=environment, log_group_name=log_name
        )
        smoke_log_name = endpoint_log_name(smoke_endpoint_name(registry.endpoint_name))
        self.smoke_log = LogGroup(
            self, "SmokeLog", environment=environment, log_group_name=smoke_log_name
        )
        if model.endpoint.tokens_in_flight_per_instance:
            self._measure_tokens()
        self._endpoint_role = ContainerRole(
            self,
            "EndpointRole",
            environment=environment,
            key=lake.key,
            image=registry.image,
            log_groups=(log_name, f"{log_name}:*", smoke_log_name, f"{smoke_log_name}:*"),
        )
        # Any base model: a version serves with the one it was trained from, whatever is set now.
        self._prompts = prompts_prefix(model_key)
        lake.grant_read(self._endpoint_role, RUNS_PREFIX, BASE_MODELS_PREFIX, self._prompts)
        self.alarms = ReleaseAlarms(
            self,
            "EndpointAlarms",
            endpoint_name=registry.endpoint_name,
            dimensions=self._kind.dimensions,
            release=model.endpoint.release,
            quality_of=(environment.name, self._model_name) if model.kind == "text" else None,
        )
        self._smoke_endpoint_arn = sagemaker_arn(
            self, "endpoint", smoke_endpoint_name(registry.endpoint_name)
        )
        self._plan_release = self._create_plan_release()
        self._try_version = self._create_try_version()
        self.workflow = self._create_workflow()
        self._grant()
        if hours := model.endpoint.hours:
            EndpointSchedule(
                self,
                "Hours",
                environment=environment,
                registry=registry,
                hours=hours,
                min_instances=model.endpoint.min_instances,
                resource_id=self._kind.scaled,
                dimension=self._kind.dimension,
            )
        ReleaseTriggers(self, "Triggers", workflow=self.workflow, group_name=registry.group_name)

    def _measure_tokens(self) -> None:
        """What the model's servers say they have under way, as a metric that scaling tracks."""
        logs.MetricFilter(
            self,
            "TokensInFlight",
            log_group=self.endpoint_log,
            filter_pattern=logs.FilterPattern.string_value("$.event", "=", LOAD_EVENT),
            metric_namespace=load_namespace(self._registry.endpoint_name),
            metric_name=TOKENS_METRIC,
            metric_value="$.tokens_in_flight",
        )

    def _create_plan_release(self) -> PythonFunction:
        release = self._endpoint.release
        function = PythonFunction(
            self,
            "PlanRelease",
            environment=self._environment,
            folder="plan_release",
            variables={
                "RELEASE_TABLE": self._releases.table_name,
                "ENDPOINT_NAME": self._registry.endpoint_name,
                "MODEL_PACKAGE_GROUP": self._registry.group_name,
                "TRAFFIC": release.traffic,
                "CANARY_PERCENT": str(release.canary_percent),
                "BAKE_SECONDS": str(release.bake_seconds),
                "POLL_SECONDS": str(release.poll_seconds),
                "ALARMS": Stack.of(self).to_json_string(self.alarms.fingerprints),
                "HAS_SMOKE_TEST": json.dumps(bool(release.smoke_test)),
            },
            timeout=Duration.minutes(2),
        )
        grant_looking(
            function,
            self._registry,
            self._registry.made_by_runs,
            self._smoke_endpoint_arn,
        )
        grant_table(function, self._releases, "GetItem", "UpdateItem")
        # How long a version's prompt is: requests reserve tokens for it.
        self._lake.grant_read(function, self._prompts)
        return function

    def _create_try_version(self) -> PythonFunction:
        release, endpoint_name = self._endpoint.release, self._registry.endpoint_name
        function = PythonFunction(
            self,
            "TryVersion",
            environment=self._environment,
            folder="try_version",
            variables={
                "SMOKE_ENDPOINT": smoke_endpoint_name(endpoint_name),
                "ENDPOINT_NAME": endpoint_name,
                # On an endpoint that scales to zero, the component by the same name.
                "HOSTS_COMPONENT": json.dumps(self._endpoint.scales_to_zero),
                "MODEL_KIND": self._model.kind,
                "MODEL_NAME": self._model_name,
                "QUESTIONS": json.dumps(release.smoke_test),
                "MAXIMUM_SECONDS": str(release.maximum_latency_seconds),
            },
            timeout=Duration.minutes(15),
        )
        registry = self._registry
        tried = [self._smoke_endpoint_arn, registry.endpoint_arn, registry.component_arn]
        grant(function, "sagemaker:InvokeEndpoint", *tried)
        # A whole stream is read of what is tried alone.
        grant(function, "sagemaker:InvokeEndpointWithResponseStream", self._smoke_endpoint_arn)
        return function

    def _create_workflow(self) -> Workflow:
        endpoint = self._endpoint
        return Workflow(
            self,
            "DeployModelVersion",
            environment=self._environment,
            name="deploy_model_version",
            key=self._lake.key,
            timeout=TIME_LIMIT,
            owner=self._registry.endpoint_name,
            substitutions={
                "PlanReleaseArn": self._plan_release.function_arn,
                "TryVersionArn": self._try_version.function_arn,
                "SmokeEndpointName": smoke_endpoint_name(self._registry.endpoint_name),
                "ReleaseTable": self._releases.table_name,
                "EndpointName": self._registry.endpoint_name,
                "EndpointRoleArn": self._endpoint_role.role_arn,
                "EndpointInstanceType": endpoint.instance_type,
                "InferenceAmiVersion": inference_ami(endpoint.instance_type) or "none",
                "VariantName": VARIANT_NAME,
                "Component": self._kind.component,
                "ScaledResource": self._kind.scaled,
                "ScaledDimension": self._kind.dimension,
                "InvocationsMetric": self._kind.load,
                "RequestsMetric": self._kind.requests,
                "WakeAlarmName": wake_alarm_name(self._registry.endpoint_name),
                "ModelName": self._model_name,
                "AnswerTokens": str(self._model.training.context_tokens),
                "StartupSeconds": str(STARTUP_SECONDS[self._model.engine]),
                "Network": self._network,
                "MinInstances": str(endpoint.min_instances),
                "MaxInstances": str(endpoint.max_instances),
                # 0 is none: no policy tracks it.
                "InvocationsPerInstance": str(endpoint.invocations_per_instance_per_minute),
                "RequestsPerInstance": str(endpoint.requests_in_flight_per_instance),
                "TokensPerInstance": str(endpoint.tokens_in_flight_per_instance),
                "LoadNamespace": load_namespace(self._registry.endpoint_name),
                "TokensMetric": TOKENS_METRIC,
                "EventBusName": "default",
                "EventSource": event_source(self._environment.name),
            },
        )

    @property
    def _network(self) -> str:
        """Says whether the network of a model has changed, which is no member of its own."""
        network = self._environment.network
        parts = [network.isolation, *network.subnet_ids, *network.security_group_ids]
        return sha256_hex(json.dumps(parts).encode())[:12]

    def _grant(self) -> None:
        workflow, names = self.workflow, self._registry.made_by_runs
        alarms = [alarm.alarm_arn for alarm in self.alarms]
        grant_hosting(workflow, self._registry, names, self._smoke_endpoint_arn, *alarms)
        # SageMaker watches the alarms of a deployment as the endpoint's role. Source: SageMaker
        # developer guide, "Auto-Rollback Configuration and Monitoring".
        grant(self._endpoint_role, "cloudwatch:DescribeAlarms", *alarms)
        grant_scaling(workflow, self._registry)
        grant_pass_role(workflow, self._endpoint_role, "sagemaker.amazonaws.com")
        functions = (self._plan_release, self._try_version)
        grant(workflow, "lambda:InvokeFunction", *(one.function_arn for one in functions))
        grant_table(workflow, self._releases, "UpdateItem")
        grant(workflow, "events:PutEvents", default_bus_arn(self))
        assert self._plan_release.role is not None
        # A policy of its own: the function, with its role, is made before the state machine.
        iam.Policy(
            self,
            "ReadExecutions",
            roles=[self._plan_release.role],
            statements=[
                iam.PolicyStatement(
                    actions=["states:DescribeExecution"],
                    resources=[
                        Stack.of(self).format_arn(
                            service="states",
                            resource="execution",
                            resource_name=f"{workflow.state_machine_name}:*",
                            arn_format=ArnFormat.COLON_RESOURCE_NAME,
                        )
                    ],
                )
            ],
        )
