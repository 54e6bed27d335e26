"""Feedback that waits for a dataset version that has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meguru.records import CORRECTION


class PendingFeedback:
    """The sparse index of the corrections, or of the votes, that no dataset version has yet."""

    def __init__(self, table: Any, index_name: str, kind: str = CORRECTION) -> None:
        self._table, self._index_name, self._kind = table, index_name, kind

    def answers(self, arrived: set[str]) -> dict[str, str]:
        """The model of each answer that has pending feedback, by the answer's id.

        Of several of one answer the newest waits alone from now on: no other correction is learnt,
        votes are with whichever waits, and however many there are, there is one to look up.

        `arrived` are ids that have just come in. The index lags behind the table: it may lack what
        has just arrived, and still have what was just taken. So each is looked up in the table
        itself. Feedback from before it named its model has an empty one.
        """
        items = (self._item(feedback_id) for feedback_id in self._indexed() | arrived)
        waiting = sorted(
            (item["created_at"], item["feedback_id"], item["inference_id"], item.get("model", ""))
            for item in items
            if item.get("pending") == self._kind
        )
        newest: dict[str, str] = {}
        for _, feedback_id, answer, _ in waiting:
            if answer in newest:
                self._end_wait(newest[answer], "superseded_by", feedback_id)
            newest[answer] = feedback_id
        return {answer: model for _, _, answer, model in waiting}

    def take(self, read: Iterable[str], run: str) -> None:
        """Mark those that a run has read, as learnt or as set aside; one taken stays as it is."""
        for feedback_id in sorted(self._indexed().intersection(read)):
            self._end_wait(feedback_id, "curation_run", run)

    def _end_wait(self, feedback_id: str, attribute: str, reason: str) -> None:
        """Nothing happens to one whose wait has ended meanwhile."""
        try:
            self._table.update_item(
                Key={"feedback_id": feedback_id},
                UpdateExpression=f"REMOVE pending SET {attribute} = :reason",
                ConditionExpression="pending = :pending",
                ExpressionAttributeValues={":reason": reason, ":pending": self._kind},
            )
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return

    def _indexed(self) -> set[str]:
        query: dict[str, Any] = {
            "IndexName": self._index_name,
            "KeyConditionExpression": "pending = :pending",
            "ExpressionAttributeValues": {":pending": self._kind},
        }
        found: set[str] = set()
        while True:
            page = self._table.query(**query)
            found |= {item["feedback_id"] for item in page["Items"]}
            if "LastEvaluatedKey" not in page:
                return found
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _item(self, feedback_id: str) -> dict[str, Any]:
        found = self._table.get_item(Key={"feedback_id": feedback_id}, ConsistentRead=True)
        item: dict[str, Any] = found.get("Item", {})
        return item
