"""The inference API: OpenAI's paths behind API keys and a usage plan."""

from __future__ import annotations

import json

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from meguru.names import api_log_name, api_name, stage_name
from stacks.constructs.feedback_capture import FeedbackCapture
from stacks.constructs.gateway_responses import add_gateway_responses
from stacks.constructs.grants import grant, grant_table, hosting_arn
from stacks.constructs.guard import grant_guard
from stacks.constructs.inference_log import InferenceLog
from stacks.constructs.ledger import billing_of, use_ledger
from stacks.constructs.page_access import preflight, refusal_headers
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.records import Records
from stacks.constructs.response_cache import ResponseCache
from stacks.constructs.retention import LogGroup
from stacks.environment import Environment

# A streamed answer may take as long as API Gateway lets it.
ANSWER_TIMEOUT = Duration.minutes(15)


class InferenceApi(Construct):
    """A REST API: what is generated, models, feedback, usage, and what describes it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        records: Records,
        inference_log: InferenceLog,
        feedback: FeedbackCapture,
        response_cache: ResponseCache,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment = environment
        self._records, self._inference_log = records, inference_log
        self._response_cache = response_cache
        self.api = self._create_api()
        self._keep_execution_logs()
        add_gateway_responses(self.api, refusal_headers(environment))
        self._add_paths(feedback.function)
        self._add_usage_plan()

    def _create_api(self) -> apigateway.RestApi:
        access_log = LogGroup(self, "AccessLog", environment=self._environment)
        return apigateway.RestApi(
            self,
            "Api",
            rest_api_name=api_name(self._environment.name),
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            api_key_source_type=apigateway.ApiKeySourceType.AUTHORIZER,
            # Bodies arrive as they were sent: as text, API Gateway would put replacement
            # characters into what is not UTF-8, and a correction would be kept with them.
            binary_media_types=["*/*"],
            # An account has one such role in a region: it stays for the environments that still
            # log when this one is destroyed.
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN,
            deploy_options=apigateway.StageOptions(
                stage_name=stage_name(self._environment.name),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                metrics_enabled=True,
                tracing_enabled=True,
                access_log_destination=apigateway.LogGroupLogDestination(access_log),
                access_log_format=apigateway.AccessLogFormat.json_with_standard_fields(
                    caller=False,
                    http_method=True,
                    ip=True,
                    protocol=True,
                    request_time=True,
                    resource_path=True,
                    response_length=True,
                    status=True,
                    user=False,
                ),
            ),
            default_cors_preflight_options=preflight(self._environment),
            default_method_options=apigateway.MethodOptions(
                api_key_required=True,
                authorization_type=apigateway.AuthorizationType.CUSTOM,
                authorizer=self._create_authorizer(),
            ),
        )

    def _keep_execution_logs(self) -> None:
        """The group that API Gateway would make by itself, and nobody would delete."""
        stage = self.api.deployment_stage
        group = LogGroup(
            self,
            "ExecutionLogs",
            environment=self._environment,
            log_group_name=api_log_name(self.api.rest_api_id, self._environment.name),
        )
        stage.node.add_dependency(group)

    def _create_authorizer(self) -> apigateway.RequestAuthorizer:
        return apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=PythonFunction(
                self,
                "AuthorizeRequest",
                environment=self._environment,
                folder="authorize_request",
                timeout=Duration.seconds(5),
            ),
            # The key may stand in either of two headers, and API Gateway answers 401 by itself
            # where a declared source is missing: so none is declared and nothing is cached.
            identity_sources=[],
            results_cache_ttl=Duration.seconds(0),
        )

    def _add_paths(self, record_feedback: lambda_.IFunction) -> None:
        self.answer_request = self._create_answer_request()
        generation = apigateway.LambdaIntegration(
            self.answer_request,
            response_transfer_mode=apigateway.ResponseTransferMode.STREAM,
            timeout=ANSWER_TIMEOUT,
        )
        version = self.api.root.add_resource("v1")
        for resource in (version.add_resource("chat"), version):
            resource.add_resource("completions").add_method("POST", generation)
        version.add_resource("embeddings").add_method("POST", generation)
        version.add_resource("usage").add_method("GET", generation)
        models = apigateway.LambdaIntegration(self._create_list_models())
        model_list = version.add_resource("models")
        model_list.add_method("GET", models)
        model = model_list.add_resource("{model}")
        model.add_method("GET", models)
        model.add_resource("scorecard").add_method("GET", models)
        version.add_resource("openapi.json").add_method("GET", models)
        version.add_resource("feedback").add_method(
            "POST", apigateway.LambdaIntegration(record_feedback)
        )

    def _create_answer_request(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "AnswerRequest",
            environment=self._environment,
            folder="answer_request",
            variables={
                "CONSUMER_TABLE": self._records.consumers.table_name,
                "VOTE_TABLE": self._records.votes.table_name,
                "INFERENCE_RETENTION_DAYS": str(self._environment.records.inference_days),
            },
            long_variables={
                **billing_of(self._environment),
                "MODELS": json.dumps(self._environment.learners),
                "EMBEDDERS": json.dumps(self._environment.embedders),
                "ALIASES": json.dumps(self._environment.api.aliases),
                "GUARD": json.dumps(self._environment.api.guard.settings()),
                "CORS_ORIGINS": json.dumps(self._environment.api.cors),
            },
            timeout=ANSWER_TIMEOUT,
            memory_mb=512,
            streaming=True,
        )
        grant_guard(function, self._environment.api.guard)
        grant(
            function,
            ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"],
            *(hosting_arn(self, name) for name in self._environment.endpoints.values()),
        )
        grant_table(function, self._records.consumers, "GetItem")
        grant_table(function, self._records.votes, "PutItem")
        self._inference_log.use(function)
        use_ledger(function, self._records.ledger)
        self._response_cache.let_use(function)
        return function

    def _create_list_models(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "ListModels",
            environment=self._environment,
            folder="list_models",
            variables={
                "RELEASE_TABLE": self._records.releases.table_name,
                "CONSUMER_TABLE": self._records.consumers.table_name,
                "VOTE_TABLE": self._records.votes.table_name,
            },
            long_variables={
                "ENDPOINTS": json.dumps(self._environment.endpoints),
                "ALIASES": json.dumps(self._environment.api.aliases),
                "CORS_ORIGINS": json.dumps(self._environment.api.cors),
            },
            timeout=Duration.seconds(10),
        )
        grant_table(function, self._records.votes, "GetItem")
        grant_table(function, self._records.releases, "GetItem")
        grant_table(function, self._records.consumers, "GetItem")
        return function

    def _add_usage_plan(self) -> None:
        limits = self._environment.api
        # What each key may ask for; keys are made by `meguru consumer`, which joins them to it.
        self.usage_plan = self.api.add_usage_plan(
            "UsagePlan",
            throttle=apigateway.ThrottleSettings(
                rate_limit=limits.requests_per_second, burst_limit=limits.burst
            ),
            quota=apigateway.QuotaSettings(
                limit=limits.requests_per_month, period=apigateway.Period.MONTH
            ),
        )
        self.usage_plan.add_api_stage(stage=self.api.deployment_stage)
