"""The API: a REST API in front of one function, with an API key and a usage plan."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct


class BookApi(Construct):
    """`GET /books/{isbn}`, for callers with a key."""

    def __init__(
        self, scope: Construct, construct_id: str, *, handlers: Path, books: dynamodb.Table
    ) -> None:
        super().__init__(scope, construct_id)
        reader = lambda_.Function(
            self,
            "Reader",
            runtime=lambda_.Runtime.PYTHON_3_11,
            handler="handler.read",
            code=lambda_.Code.from_asset(str(handlers / "hello")),
            environment={"TABLE_NAME": books.table_name},
        )
        books.grant_read_data(reader)
        api = apigateway.RestApi(self, "Rest", deploy_options={"stage_name": "v1"})
        api.root.add_resource("books").add_resource("{isbn}").add_method(
            "GET", apigateway.LambdaIntegration(reader), api_key_required=True
        )
        key = api.add_api_key("Key")
        plan = api.add_usage_plan(
            "Plan",
            throttle=apigateway.ThrottleSettings(rate_limit=50, burst_limit=20),
            api_stages=[apigateway.UsagePlanPerApiStage(api=api, stage=api.deployment_stage)],
        )
        plan.add_api_key(key)
        cdk.CfnOutput(self, "Url", value=api.url)
        cdk.CfnOutput(self, "KeyId", value=key.key_id)
