"""Corrections that wait for the next training."""

from __future__ import annotations

from typing import Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

PENDING = "correction"


class PendingCorrections:
    """The sparse index of corrections no run has taken yet."""

    def __init__(self, table: Any, index_name: str) -> None:
        self._table, self._index_name = table, index_name

    def ids(self, arrived: set[str]) -> list[str]:
        """The ids of all pending corrections, sorted; `arrived` have just come in.

        The index lags behind the table: it may lack what has just arrived, and still have what was
        just taken. So each is looked up in the table itself.
        """
        return sorted(name for name in self._indexed() | arrived if self._is_pending(name))

    def take(self, feedback_ids: list[str], run: str) -> None:
        """Mark corrections as taken by a run; one already taken stays as it is."""
        for feedback_id in feedback_ids:
            try:
                self._table.update_item(
                    Key={"feedback_id": feedback_id},
                    UpdateExpression="REMOVE pending SET curation_run = :run",
                    ConditionExpression="pending = :pending",
                    ExpressionAttributeValues={":run": run, ":pending": PENDING},
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise

    def _indexed(self) -> set[str]:
        query: dict[str, Any] = {
            "IndexName": self._index_name,
            "KeyConditionExpression": Key("pending").eq(PENDING),
        }
        found: set[str] = set()
        while True:
            page = self._table.query(**query)
            found |= {item["feedback_id"] for item in page["Items"]}
            if "LastEvaluatedKey" not in page:
                return found
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _is_pending(self, feedback_id: str) -> bool:
        item = self._table.get_item(Key={"feedback_id": feedback_id}, ConsistentRead=True)
        return bool(item.get("Item", {}).get("pending") == PENDING)
