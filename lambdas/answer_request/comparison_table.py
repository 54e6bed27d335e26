"""Comparisons in the table of votes, where they wait for the one vote on each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from meguru.attribute_values import to_item
from meguru.comparison import Comparison


class ComparisonTable:
    """Writes with `dynamodb`, a client; a comparison is kept as long as its answers are."""

    def __init__(self, dynamodb: Any, table_name: str, retention_days: int) -> None:
        self._dynamodb, self._table_name = dynamodb, table_name
        self._retention = timedelta(days=retention_days)

    def put(self, comparison: Comparison) -> None:
        expires = datetime.fromisoformat(comparison.created_at) + self._retention
        item = comparison.item() | {"expires_at": int(expires.timestamp())}
        self._dynamodb.put_item(TableName=self._table_name, Item=to_item(item))
