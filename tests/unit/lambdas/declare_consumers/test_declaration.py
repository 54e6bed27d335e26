"""The consumers' table after deployments: as the file has it, without touching keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.declare_consumers.declaration import Declaration
from meguru.consumer import Consumer

Declare = Callable[..., dict[str, Any]]


@pytest.fixture
def table(make_consumers: Callable[..., Any]) -> Any:
    """With one that `meguru consumer add` has made."""
    return make_consumers(added={"tokens_per_day": 5, "log": "full"})


@pytest.fixture
def declare(table: Any) -> Declare:
    def run(**consumers: dict[str, Any]) -> dict[str, Any]:
        Declaration(table, datetime(2026, 11, 27, tzinfo=UTC)).declare(consumers)
        return {item["consumer"]: item for item in table.scan()["Items"]}

    return run


def test_what_is_declared_is_there(declare: Declare) -> None:
    consumer = Consumer(
        name="app",
        models=frozenset({"a", "b"}),
        requests_per_minute=1,
        tokens_per_day=10**12,
        log="summary",
        is_declared=True,
    )
    assert Consumer.from_item(declare(app=consumer.settings())["app"]) == consumer


def test_a_second_time_changes_nothing(declare: Declare) -> None:
    assert declare(app={"tokens_per_day": 1}) == declare(app={"tokens_per_day": 1})


def test_a_setting_that_is_taken_out_is_gone(declare: Declare) -> None:
    declare(app={"models": ["a"], "tokens_per_day": 1, "log": "redacted"})
    read = Consumer.from_item(declare(app={"log": "full"})["app"])
    assert read == Consumer(name="app", is_declared=True)


def test_who_is_taken_out_is_refused_until_put_back(declare: Declare, table: Any) -> None:
    declare(app={}, other={})
    table.update_item(
        Key={"consumer": "app"},
        UpdateExpression="SET key_ids = :keys",
        ExpressionAttributeValues={":keys": ["k1"]},
    )
    items = declare(other={})
    assert Consumer.from_item(items["app"]).is_revoked
    assert not Consumer.from_item(items["other"]).is_revoked
    again = declare(app={}, other={})["app"]
    assert not Consumer.from_item(again).is_revoked
    assert again["key_ids"] == ["k1"]


def test_who_was_added_without_the_file_is_left_alone(declare: Declare) -> None:
    before = declare(app={})
    after = declare()
    assert after["added"] == before["added"]
    assert after["KEY#key-added"] == before["KEY#key-added"]


def test_one_that_was_added_may_be_declared_later(declare: Declare) -> None:
    item = declare(added={"tokens_per_month": 9, "log": "full"})["added"]
    read = Consumer.from_item(item)
    assert (read.is_declared, read.tokens_per_day, read.tokens_per_month) == (True, None, 9)
    assert item["key_ids"] == ["key-added"]


def test_what_was_revoked_stays_so(declare: Declare, table: Any) -> None:
    declare(app={})
    table.update_item(
        Key={"consumer": "app"},
        UpdateExpression="SET revoked_at = :now",
        ExpressionAttributeValues={":now": "2026-11-27"},
    )
    assert Consumer.from_item(declare(app={})["app"]).is_revoked


def test_every_page_is_read(declare: Declare, table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"app-{number}" for number in range(5)]
    declare(**{name: {} for name in names})
    scan = table.scan
    monkeypatch.setattr(table, "scan", lambda **request: scan(**request, Limit=2))
    Declaration(table, datetime.now(UTC)).declare({})
    items = scan()["Items"]
    assert sum("withdrawn_at" in item for item in items) == 5
