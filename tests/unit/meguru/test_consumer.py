"""A consumer as an item of the table, and what it may use."""

from __future__ import annotations

from decimal import Decimal

import pytest

from meguru.consumer import Consumer, is_consumer_name, limit_problems


def test_an_item_gives_back_what_it_was_made_of() -> None:
    consumer = Consumer(
        name="app",
        models=frozenset({"b", "a"}),
        requests_per_minute=60,
        tokens_per_day=10**12,
        log="redacted",
    )
    assert Consumer.from_item({"consumer": "app", **consumer.settings()}) == consumer
    assert consumer.settings()["models"] == ["a", "b"]
    assert "tokens_per_minute" not in consumer.settings()


def test_numbers_are_read_as_boto_has_them() -> None:
    read = Consumer.from_item({"consumer": "app", "tokens_per_minute": Decimal("20000")})
    assert read.tokens_per_minute == 20_000
    assert type(read.tokens_per_minute) is int


def test_without_settings_it_may_use_all() -> None:
    read = Consumer.from_item({"consumer": "app"})
    assert read.may_use("anything") and read.log == "full" and read.tokens_per_month is None


def test_only_its_models() -> None:
    read = Consumer.from_item({"consumer": "app", "models": ["a"]})
    assert read.may_use("a") and not read.may_use("b") and not read.may_use("")


@pytest.mark.parametrize("attribute", ["revoked_at", "withdrawn_at"])
def test_revoked(attribute: str) -> None:
    assert not Consumer.from_item({"consumer": "app"}).is_revoked
    assert Consumer.from_item({"consumer": "app", attribute: "2026-11-27"}).is_revoked


@pytest.mark.parametrize("name", ["app", "a", "accounting-app-2", "0", "x" * 63])
def test_names(name: str) -> None:
    assert is_consumer_name(name)


@pytest.mark.parametrize(
    "name", ["", "App", "a b", "KEY#x", "a#b", "-a", "a--b", "a-", "経理", "x" * 64, "a\n", "a.b"]
)
def test_no_names(name: str) -> None:
    assert not is_consumer_name(name)


def test_a_shorter_time_allows_no_more_than_a_longer() -> None:
    found = limit_problems({"tokens_per_minute": 10, "tokens_per_day": 5, "tokens_per_month": 4})
    assert found == {
        "tokens_per_minute": "no more than tokens_per_day, which is 5",
        "tokens_per_day": "no more than tokens_per_month, which is 4",
    }
    assert limit_problems({"tokens_per_minute": 4, "tokens_per_day": 5}) == {}
    assert limit_problems({"tokens_per_minute": 9, "tokens_per_day": None}) == {}
    assert limit_problems({"requests_per_minute": 0}).keys() == {"requests_per_minute"}
