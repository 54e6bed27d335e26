"""A help desk at an address of its own, whose log is watched and passed on."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as destinations
from aws_cdk import aws_sqs as sqs
from constructs import Construct

ANSWER = """
def handler(event, context):
    question = event["rawPath"].strip("/")
    print("ERROR" if question == "lost" else "fine", question)
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": question}
"""
PASS_ON = """
import base64, boto3, gzip, json, os

def handler(event, context):
    message = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    for found in message["logEvents"]:
        boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=found["message"])
"""


class HelpDesk(Construct):
    """A function URL, a metric filter with its alarm, and a subscription filter."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(self, "Log", removal_policy=cdk.RemovalPolicy.DESTROY)
        desk = self._function("Desk", ANSWER, log_group=log_group)
        url = desk.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        errors = log_group.add_metric_filter(
            "Errors",
            filter_pattern=logs.FilterPattern.all_terms("ERROR"),
            metric_namespace="HelpDesk",
            metric_name="Errors",
            default_value=0,
        )
        errors.metric(period=cdk.Duration.minutes(1)).create_alarm(
            self, "Lost", alarm_name="helpdesk-lost", threshold=1, evaluation_periods=1
        )
        lost = sqs.Queue(self, "LostQuestions")
        reader = self._function("Reader", PASS_ON, environment={"QUEUE": lost.queue_url})
        lost.grant_send_messages(reader)
        log_group.add_subscription_filter(
            "Subscription",
            destination=destinations.LambdaDestination(reader),
            filter_pattern=logs.FilterPattern.any_term("ERROR", "FATAL"),
        )
        cdk.CfnOutput(self, "DeskUrl", value=url.url)
        cdk.CfnOutput(self, "LostQueue", value=lost.queue_url)

    def _function(self, construct_id: str, source: str, **settings: object) -> lambda_.Function:
        return lambda_.Function(
            self,
            construct_id,
            runtime=lambda_.Runtime.PYTHON_3_11,
            handler="index.handler",
            code=lambda_.Code.from_inline(source),
            **settings,  # type: ignore[arg-type]
        )
