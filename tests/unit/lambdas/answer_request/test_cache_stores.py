"""What both stores do, DynamoDB's (as moto plays it) and Valkey's (a real server)."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from lambdas.answer_request.cache_store import CacheStore, Entry, StoreUnavailable
from lambdas.answer_request.dynamodb_store import EXPIRES_AT, DynamoDbStore
from lambdas.answer_request.valkey_connection import ValkeyConnections
from lambdas.answer_request.valkey_store import ValkeyStore


class Clock:
    """Seconds since 1970, which a test moves on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.25

    def __call__(self) -> float:
        return self.now


class Database:
    """DynamoDB's client, whose writes come one after another, as there; moto's do not."""

    def __init__(self) -> None:
        self._client, self._lock = boto3.client("dynamodb"), threading.Lock()
        self.exceptions, self.get_item = self._client.exceptions, self._client.get_item

    def update_item(self, **request: Any) -> Any:
        with self._lock:
            return self._client.update_item(**request)


@pytest.fixture(params=["dynamodb", "valkey"])
def store(request: pytest.FixtureRequest) -> tuple[CacheStore, Callable[[float], None]]:
    """A store, and what lets time pass in it."""
    if request.param == "valkey":
        address = request.getfixturevalue("valkey")
        return ValkeyStore(ValkeyConnections(address)), time.sleep
    clock = Clock()
    request.getfixturevalue("make_table")("cache", "cache_key")

    def pass_by(seconds: float) -> None:
        clock.now += seconds

    return DynamoDbStore(Database(), "cache", clock), pass_by


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def test_an_answer_is_there_until_it_expires(store: Any, key: str) -> None:
    kept, pass_by = store
    assert kept.read(key) == Entry()
    kept.put(key, "元気です\r\n$5\r\n", 1)
    assert kept.read(key) == kept.lead(key, "a", 1) == Entry(answer="元気です\r\n$5\r\n")
    assert kept.read(key + "0") == Entry()
    pass_by(1.1)
    assert kept.read(key) == Entry()
    assert kept.lead(key, "a", 1) == Entry(leader="a")


def test_one_leads_until_it_has_put(store: Any, key: str) -> None:
    kept, _ = store
    assert kept.lead(key, "a", 5) == kept.lead(key, "b", 5) == kept.read(key) == Entry(leader="a")
    kept.put(key, "x", 5)
    assert kept.lead(key, "b", 5) == kept.read(key) == Entry(answer="x")


def test_who_gives_up_or_is_gone_leads_no_more(store: Any, key: str) -> None:
    kept, pass_by = store
    kept.lead(key, "a", 0.2)
    kept.give_up(key, "b")
    assert kept.read(key) == Entry(leader="a")
    kept.give_up(key, "a")
    assert kept.lead(key, "b", 0.2) == Entry(leader="b")
    pass_by(0.25)
    assert kept.read(key) == Entry()
    assert kept.lead(key, "c", 5) == Entry(leader="c")
    assert not kept.renew(key, "b", 5)
    kept.give_up(key, "b")
    assert kept.read(key) == Entry(leader="c")


def test_who_renews_leads_on(store: Any, key: str) -> None:
    kept, pass_by = store
    kept.lead(key, "a", 0.3)
    for _ in range(3):
        pass_by(0.15)
        assert kept.renew(key, "a", 0.3)
    assert kept.lead(key, "b", 0.3) == Entry(leader="a")


def test_who_has_put_renews_nothing(store: Any, key: str) -> None:
    """A last word of its thread changes nothing of the answer."""
    kept, _ = store
    kept.lead(key, "a", 5)
    kept.put(key, "x", 5)
    assert not kept.renew(key, "a", 5)
    kept.give_up(key, "a")
    assert kept.read(key) == Entry(answer="x")


def test_of_many_at_once_one_leads(store: Any, key: str) -> None:
    kept, _ = store
    found: list[Entry] = []
    threads = [
        threading.Thread(target=lambda name=name: found.append(kept.lead(key, name, 5)))
        for name in map(str, range(16))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16 and len({entry.leader for entry in found}) == 1


def test_dynamodb_is_told_when_to_delete(make_table: Any, key: str) -> None:
    table = make_table("cache", "cache_key")
    clock = Clock()
    kept = DynamoDbStore(boto3.client("dynamodb"), "cache", clock)
    kept.lead(key, "a", 4)
    assert table.get_item(Key={"cache_key": key})["Item"][EXPIRES_AT] >= clock.now + 4
    kept.put(key, "x", 300)
    assert table.get_item(Key={"cache_key": key})["Item"][EXPIRES_AT] >= clock.now + 300 - 1


def test_an_expired_answer_is_not_carried_along(make_table: Any, key: str) -> None:
    table = make_table("cache", "cache_key")
    clock = Clock()
    kept = DynamoDbStore(boto3.client("dynamodb"), "cache", clock)
    kept.put(key, "x" * 1000, 300)
    clock.now += 301
    assert kept.lead(key, "a", 4) == Entry(leader="a")
    assert "xxx" not in str(table.get_item(Key={"cache_key": key})["Item"])


def test_a_table_that_is_gone_is_a_store_that_is_unavailable(aws: None, key: str) -> None:
    kept = DynamoDbStore(boto3.client("dynamodb"), "none")
    with pytest.raises(StoreUnavailable, match="ResourceNotFound"):
        kept.read(key)
    with pytest.raises(StoreUnavailable):
        kept.lead(key, "a", 1)
