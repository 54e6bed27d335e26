"""Whose an API key is: the consumers' table, read again every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from meguru.api_errors import InvalidApiKey
from meguru.consumer import Consumer, key_item

# For so long a process goes by what it has read: a revoked key may answer once more.
CACHE_SECONDS = 5.0


class ConsumerDirectory:
    """Consumers by their API keys. `table` is a DynamoDB table, as boto3's resource has it."""

    def __init__(self, table: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._table, self._clock = table, clock
        # A key never changes hands.
        self._names: dict[str, str] = {}
        self._read: dict[str, tuple[float, dict[str, Any]]] = {}

    def of_key(self, key_id: str) -> Consumer:
        """The consumer of a key, by API Gateway's id of it.

        Raises InvalidApiKey where it is nobody's, or its consumer's no more.
        """
        name = self._names.get(key_id) or self._find(key_id)
        item = self._recent(name)
        if item is None or key_id not in item.get("key_ids", ()):
            # Perhaps it was issued since.
            item = self._read_anew(name)
        if key_id not in item.get("key_ids", ()):
            raise InvalidApiKey
        consumer = Consumer.from_item(item)
        if consumer.is_revoked:
            raise InvalidApiKey
        return consumer

    def _find(self, key_id: str) -> str:
        name: str | None = self._item(key_item(key_id)).get("name")
        if name is None:
            raise InvalidApiKey
        self._names[key_id] = name
        return name

    def _recent(self, name: str) -> dict[str, Any] | None:
        read_at, item = self._read.get(name, (0.0, None))
        return item if item is not None and self._clock() - read_at < CACHE_SECONDS else None

    def _read_anew(self, name: str) -> dict[str, Any]:
        read_at = self._clock()
        item = self._item(name)
        self._read[name] = read_at, item
        return item

    def _item(self, key: str) -> dict[str, Any]:
        found = self._table.get_item(Key={"consumer": key}, ConsistentRead=True)
        item: dict[str, Any] = found.get("Item", {})
        return item
