"""Feedback: recorded once, and enough of it turns the loop again."""

from __future__ import annotations

import json

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from meguru.names import FEEDBACK_PREFIX
from meguru.records import CORRECTION, VOTE
from stacks.constructs.grants import grant, grant_table, hosting_arn
from stacks.constructs.lake import Lake
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.records import PENDING_INDEX, Records
from stacks.constructs.table import Table
from stacks.environment import Environment


class FeedbackCapture(Construct):
    """The function behind POST /v1/feedback."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        lake: Lake,
        records: Records,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = PythonFunction(
            self,
            "RecordFeedback",
            environment=environment,
            folder="record_feedback",
            variables={
                "ENVIRONMENT_NAME": environment.name,
                "INFERENCE_TABLE": records.inferences.table_name,
                "FEEDBACK_TABLE": records.feedback.table_name,
                "CONSUMER_TABLE": records.consumers.table_name,
                "VOTE_TABLE": records.votes.table_name,
                "IDEMPOTENCY_TABLE": records.idempotency.table_name,
                "LAKE_BUCKET": lake.bucket.bucket_name,
            },
            long_variables={
                "MODELS": json.dumps(environment.learners),
                "CORS_ORIGINS": json.dumps(environment.api.cors),
            },
            timeout=Duration.seconds(15),
        )
        grant_table(self.function, records.inferences, "GetItem")
        grant_table(self.function, records.feedback, "PutItem")
        grant_table(self.function, records.consumers, "GetItem")
        grant_table(self.function, records.votes, "GetItem", "UpdateItem")
        grant_table(
            self.function, records.idempotency, "GetItem", "PutItem", "UpdateItem", "DeleteItem"
        )
        lake.grant_write(self.function, FEEDBACK_PREFIX)
        # A long correction's tokens are counted by the model it is of.
        grant(
            self.function,
            "sagemaker:InvokeEndpoint",
            *(hosting_arn(self, name) for name, _ in environment.learners.values()),
        )


class RetrainingTrigger(Construct):
    """Asks for curation when enough feedback waits; a failing batch is set aside, not lost."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        feedback: Table,
        key: kms.IKey,
        looks: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        self.failed_batches = sqs.Queue(
            self,
            "FailedBatches",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
        )
        thresholds = thresholds_of(environment)
        function = PythonFunction(
            self,
            "StartRetraining",
            environment=environment,
            folder="start_retraining",
            variables={
                "FEEDBACK_TABLE": feedback.table_name,
                "PENDING_INDEX": PENDING_INDEX,
                "LOOKS_QUEUE": looks.queue_url,
            },
            long_variables={"FEEDBACK_BEFORE_RETRAINING": json.dumps(thresholds)},
            timeout=Duration.seconds(60),
        )
        looks.grant_send_messages(function)
        grant_table(function, feedback, "GetItem", "UpdateItem")
        # It sends to the one queue, and what fails is set aside in the other in its name.
        grant(function, "kms:GenerateDataKey", key.key_arn)
        grant(function, "dynamodb:Query", f"{feedback.table_arn}/index/{PENDING_INDEX}")
        function.add_event_source(
            event_sources.DynamoEventSource(
                feedback,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=100,
                retry_attempts=10,
                on_failure=event_sources.SqsDlq(self.failed_batches),
                filters=[
                    lambda_.FilterCriteria.filter(
                        {
                            "eventName": lambda_.FilterRule.is_equal("INSERT"),
                            "dynamodb": {"NewImage": {"pending": {"S": list(thresholds)}}},
                        }
                    )
                ],
            )
        )


def thresholds_of(environment: Environment) -> dict[str, dict[str, int | None]]:
    """How many of each model's answers have to be corrected, or voted on, to turn the loop.

    By kind of feedback and the model's name in the API. A kind that turns it for no model is not
    there.
    """
    retrain = {
        environment.name_in_api(key): one.retrain for key, one in environment.trained.items()
    }
    found: dict[str, dict[str, int | None]] = {
        CORRECTION: {name: one.corrections for name, one in retrain.items()},
        VOTE: {name: one.votes for name, one in retrain.items()},
    }
    return {kind: numbers for kind, numbers in found.items() if any(numbers.values())}
