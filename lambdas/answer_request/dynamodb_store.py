"""Answers in a DynamoDB table: an item for a key, with the answer or who is about to make it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.answer_request.cache_store import Entry, StoreUnavailable
from lambdas.answer_request.signed.calls import Patience
from meguru.conditional_update import Attributes, ConditionalUpdate, ConditionFailed

# A cache that has to be waited for is none.
CLIENT = Patience(connect_timeout=0.5, read_timeout=1, attempts=2)
KEY, ANSWER, ANSWER_UNTIL = "cache_key", "answer", "answer_until"
LEADER, LEADS_UNTIL = "leader", "leads_until_ms"
# When DynamoDB deletes the item, days late: what is over by then is not read.
EXPIRES_AT = "expires_at"


class DynamoDbStore:
    """One item is written by one condition, so that of any number one leads."""

    def __init__(
        self, client: Any, table_name: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._client, self._table_name, self._clock = client, table_name, clock

    def read(self, key: str) -> Entry:
        with _unavailable():
            found = self._client.get_item(
                TableName=self._table_name, Key={KEY: {"S": key}}, ConsistentRead=True
            )
        return self._entry(found.get("Item", {}))

    def lead(self, key: str, leader: str, seconds: float) -> Entry:
        now = self._clock()
        update = self._update(key)
        update.if_less(ANSWER_UNTIL, int(now) + 1)
        update.if_less(LEADS_UNTIL, _milliseconds(now))
        # An answer that has expired would be read, and paid for, at every look.
        update.set(ANSWER, "")
        update.set(ANSWER_UNTIL, 0)
        update.set(LEADER, leader)
        update.set(LEADS_UNTIL, _milliseconds(now + seconds))
        update.set(EXPIRES_AT, int(now + seconds) + 1)
        try:
            self._send(update)
        except ConditionFailed as failed:
            return self._entry(failed.item)
        return Entry(leader=leader)

    def renew(self, key: str, leader: str, seconds: float) -> bool:
        until = self._clock() + seconds
        update = self._update(key)
        update.if_equal(LEADER, leader)
        update.set(LEADS_UNTIL, _milliseconds(until))
        update.set(EXPIRES_AT, int(until) + 1)
        try:
            self._send(update)
        except ConditionFailed:
            return False
        return True

    def give_up(self, key: str, leader: str) -> None:
        update = self._update(key)
        update.if_equal(LEADER, leader)
        update.set(LEADS_UNTIL, 0)
        try:
            self._send(update)
        except ConditionFailed:
            return

    def put(self, key: str, answer: str, seconds: int) -> None:
        until = int(self._clock()) + seconds
        update = self._update(key)
        update.set(ANSWER, answer)
        update.set(ANSWER_UNTIL, until)
        # Who has led until now renews nothing any more.
        update.set(LEADER, "")
        update.set(LEADS_UNTIL, 0)
        update.set(EXPIRES_AT, until + 1)
        self._send(update)

    def _update(self, key: str) -> ConditionalUpdate:
        return ConditionalUpdate(self._table_name, {KEY: {"S": key}})

    def _send(self, update: ConditionalUpdate) -> None:
        with _unavailable():
            update.send(self._client)

    def _entry(self, item: Attributes) -> Entry:
        now = self._clock()
        if ANSWER in item and int(item[ANSWER_UNTIL]["N"]) > now:
            return Entry(answer=item[ANSWER]["S"])
        if LEADER in item and int(item[LEADS_UNTIL]["N"]) >= _milliseconds(now):
            return Entry(leader=item[LEADER]["S"])
        return Entry()


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(str(error)) from error
