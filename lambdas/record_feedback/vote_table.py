"""The one vote on each comparison, and the scorecards that count it: in one write or none."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from meguru.api_errors import ApiError, Overloaded
from meguru.comparison import Comparison, Winner
from meguru.conditional_update import ConditionalUpdate
from meguru.scorecard import ALL, OPPONENT, TOPIC, counter, scorecard_key
from meguru.topic import OTHER

# That a consumer may name itself, on one model's scorecard; votes on others count as OTHER.
MAX_TOPICS = 50
# Votes on the same model at the same moment stand in each other's way.
MAX_WRITES, PAUSE_SECONDS = 12, 0.05
FAILED = "ConditionalCheckFailed"


class VoteTable:
    """The table of votes; `dynamodb` is a boto3 client."""

    def __init__(self, dynamodb: Any, table_name: str) -> None:
        self._dynamodb, self._table_name = dynamodb, table_name

    def find(self, comparison_id: str, consumer: str) -> Comparison:
        """ApiError (404) for another's comparison, as for one that never was."""
        found = self._dynamodb.get_item(
            TableName=self._table_name, Key={"name": {"S": comparison_id}}, ConsistentRead=True
        )
        item = TypeDeserializer().deserialize({"M": found.get("Item", {})})
        if item.get("consumer") != consumer:
            raise ApiError(
                404,
                f"There is no comparison '{comparison_id[:100]}'. Give the 'id' of a completion "
                "with two candidates that this API key's consumer received.",
                code="inference_not_found",
                param="inference_id",
            )
        return Comparison.read(item)

    def vote(self, comparison: Comparison, winner: Winner, now: datetime) -> Comparison:
        """The comparison with its vote, which is counted once, whoever else is at it.

        ApiError (409) where another vote was there before.
        """
        topic = comparison.topic
        for _ in range(MAX_WRITES):
            if comparison.winner != "":
                return _agreed(comparison, winner)
            reasons = self._write(comparison, winner, topic, now)
            if FAILED in reasons[1:]:
                topic = OTHER
            elif reasons and FAILED not in reasons:
                time.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))
            comparison = self.find(comparison.comparison_id, comparison.consumer)
        raise Overloaded("Too many votes at once. Try again shortly.")

    def _write(
        self, comparison: Comparison, winner: Winner, topic: str, now: datetime
    ) -> list[str]:
        """Why it wasn't written, by the writes in their order; empty where it was."""
        update = self._update(comparison.comparison_id)
        update.set("winner", str(winner))
        update.set("voted_at", now.isoformat())
        update.set("counted_as", topic)
        update.if_absent("winner")
        updates = [update, *self._counts(comparison, winner, topic)]
        try:
            self._dynamodb.transact_write_items(TransactItems=[one.part() for one in updates])
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            return [one.get("Code", "None") for one in error.response["CancellationReasons"]]
        return []

    def _counts(
        self, comparison: Comparison, winner: Winner, topic: str
    ) -> Iterator[ConditionalUpdate]:
        models = [one.model for one in comparison.candidates]
        for model, opponent, outcome in zip(
            models, reversed(models), comparison.outcomes(winner), strict=True
        ):
            update = self._update(scorecard_key(model))
            update.add(counter(ALL, outcome), 1)
            update.add(counter(OPPONENT, outcome, opponent), 1)
            if not comparison.is_topic_given:
                update.add(counter(TOPIC, outcome, topic), 1)
            yield update
            if comparison.is_topic_given:
                # Another consumer's topics are nobody else's business.
                own = self._update(scorecard_key(model, comparison.consumer))
                own.add(counter(TOPIC, outcome, topic), 1)
                if topic != OTHER:
                    own.add("topics", frozenset({topic}))
                    own.if_room_in("topics", topic, MAX_TOPICS)
                yield own

    def _update(self, name: str) -> ConditionalUpdate:
        return ConditionalUpdate(self._table_name, {"name": {"S": name}})


def _agreed(comparison: Comparison, winner: Winner) -> Comparison:
    if comparison.winner == winner:
        return comparison
    raise ApiError(
        409,
        f"There is a vote on this comparison already: {comparison.winner!r}. The first counts.",
        code="already_voted",
        param="winner",
    )
