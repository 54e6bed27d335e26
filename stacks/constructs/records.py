"""The tables: inferences, feedback, consumers, releases, the loop, the ledger, what was done."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from meguru.ledger_book import KEY, MONTH, MONTH_INDEX
from stacks.constructs.table import Table, text
from stacks.environment import Environment

PENDING_INDEX = "pending"
EXPIRES_AT = "expires_at"


class Records(Construct):
    """One table for each kind of record."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._key = environment, key
        self.inferences = self._table(
            "Inferences",
            "inference_id",
            time_to_live_attribute=EXPIRES_AT,
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
        )
        self.feedback = self._table(
            "Feedback",
            "feedback_id",
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=PENDING_INDEX,
                    partition_key=text("pending"),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                )
            ],
        )
        self.releases = self._table("Releases", "endpoint_name")
        # What is asked for, who is at it, and what came of it.
        self.loop = self._table("Loop", "name")
        # Consumers by their names, and whose each API key is.
        self.consumers = self._table("Consumers", "consumer")
        # What everybody may use, has reserved and has used.
        self.ledger = self._table(
            "Ledger",
            KEY,
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=MONTH_INDEX,
                    partition_key=text(MONTH),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                )
            ],
        )
        # What was compared blind, the vote on each, and the models' scorecards.
        self.votes = self._table("Votes", "name", time_to_live_attribute=EXPIRES_AT)
        self.idempotency = self._table("Idempotency", "id", time_to_live_attribute="expiration")

    def _table(self, name: str, partition_key: str, **settings: Any) -> Table:
        return Table(
            self,
            # A table with another key is another table: with another name, the stacks that use it
            # change too, and find it.
            f"{name}By{partition_key.title().replace('_', '')}",
            environment=self._environment,
            key=self._key,
            partition_key=partition_key,
            **settings,
        )
