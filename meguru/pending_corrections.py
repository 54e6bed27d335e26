"""Corrections that wait for a dataset version that has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PENDING = "correction"


class PendingCorrections:
    """The sparse index of the corrections that no dataset version has yet."""

    def __init__(self, table: Any, index_name: str) -> None:
        self._table, self._index_name = table, index_name

    def models(self, arrived: set[str]) -> dict[str, str]:
        """The model that each pending correction is of, by the correction's id.

        `arrived` are ids that have just come in. The index lags behind the table: it may lack what
        has just arrived, and still have what was just taken. So each is looked up in the table
        itself. A correction from before feedback named its model has an empty one.
        """
        items = (self._item(feedback_id) for feedback_id in self._indexed() | arrived)
        return {
            item["feedback_id"]: item.get("model", "")
            for item in items
            if item.get("pending") == PENDING
        }

    def take(self, read: Iterable[str], run: str) -> None:
        """Mark those that a run has read, as learnt or as set aside; one taken stays as it is."""
        for feedback_id in sorted(self._indexed().intersection(read)):
            try:
                self._table.update_item(
                    Key={"feedback_id": feedback_id},
                    UpdateExpression="REMOVE pending SET curation_run = :run",
                    ConditionExpression="pending = :pending",
                    ExpressionAttributeValues={":run": run, ":pending": PENDING},
                )
            except self._table.meta.client.exceptions.ConditionalCheckFailedException:
                continue

    def _indexed(self) -> set[str]:
        query: dict[str, Any] = {
            "IndexName": self._index_name,
            "KeyConditionExpression": "pending = :pending",
            "ExpressionAttributeValues": {":pending": PENDING},
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
