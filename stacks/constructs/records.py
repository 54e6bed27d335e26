"""The tables: inferences, feedback, releases, and what was already done."""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.constructs.retention import removal_policy
from stacks.environment import Environment

PENDING_INDEX = "pending"
EXPIRES_AT = "expires_at"


class Records(Construct):
    """On-demand tables with point-in-time recovery."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self._environment = environment
        self.inferences = self._table(
            "Inferences", "inference_id", time_to_live_attribute=EXPIRES_AT
        )
        self.feedback = self._table(
            "Feedback",
            "feedback_id",
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=PENDING_INDEX,
                    partition_key=_text("pending"),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                )
            ],
        )
        self.releases = self._table("Releases", "endpoint_name")
        self.idempotency = self._table("Idempotency", "id", time_to_live_attribute="expiration")

    def _table(self, name: str, partition_key: str, **settings: object) -> dynamodb.TableV2:
        return dynamodb.TableV2(
            self,
            # A table with another key is another table: with another name, the stacks that use it
            # change too, and find it.
            f"{name}By{partition_key.title().replace('_', '')}",
            partition_key=_text(partition_key),
            billing=dynamodb.Billing.on_demand(),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal_policy(self._environment),
            **settings,  # type: ignore[arg-type]
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
