"""Whose a key is: read anew every few seconds, and at once where a key isn't known yet."""

from __future__ import annotations

from typing import Any

import pytest

from meguru.api_errors import InvalidApiKey
from meguru.consumer_directory import CACHE_SECONDS, ConsumerDirectory


class FakeTable:
    """The table's items by their keys; counts what was read."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.num_reads = 0
        self.time = 100.0
        self.issue("app", "k1")

    def issue(self, name: str, key_id: str) -> None:
        self.items[f"KEY#{key_id}"] = {"consumer": f"KEY#{key_id}", "name": name}
        item = self.items.setdefault(name, {"consumer": name, "key_ids": []})
        self.items[name] = {**item, "key_ids": [*item["key_ids"], key_id]}

    def get_item(self, **request: Any) -> dict[str, Any]:
        self.num_reads += 1
        assert request["ConsistentRead"]
        item = self.items.get(request["Key"]["consumer"])
        return {"Item": dict(item)} if item else {}


@pytest.fixture
def table() -> FakeTable:
    return FakeTable()


@pytest.fixture
def directory(table: FakeTable) -> ConsumerDirectory:
    return ConsumerDirectory(table, lambda: table.time)


def refused(directory: ConsumerDirectory, key_id: str) -> bool:
    try:
        directory.of_key(key_id)
    except InvalidApiKey as error:
        assert (error.status, error.code) == (403, "invalid_api_key")
        return True
    return False


def test_a_key_is_its_consumer_s(table: FakeTable, directory: ConsumerDirectory) -> None:
    table.issue("other", "k2")
    assert directory.of_key("k1").name == "app"
    assert directory.of_key("k2").name == "other"


def test_what_was_read_is_gone_by_for_seconds(
    table: FakeTable, directory: ConsumerDirectory
) -> None:
    directory.of_key("k1")
    assert table.num_reads == 2
    table.items["app"]["tokens_per_day"] = 7
    table.time += CACHE_SECONDS - 0.1
    assert directory.of_key("k1").tokens_per_day is None
    assert table.num_reads == 2
    table.time += 0.2
    assert directory.of_key("k1").tokens_per_day == 7
    # Whose the key is can't have changed.
    assert table.num_reads == 3


@pytest.mark.parametrize("key_id", ["", "k", "app", "KEY#k1", "k1 "])
def test_a_key_that_is_nobody_s(directory: ConsumerDirectory, key_id: str) -> None:
    assert refused(directory, key_id)


@pytest.mark.parametrize("attribute", ["revoked_at", "withdrawn_at"])
def test_a_revoked_consumer_is_refused_within_seconds(
    table: FakeTable, directory: ConsumerDirectory, attribute: str
) -> None:
    directory.of_key("k1")
    table.items["app"][attribute] = "2026-11-27"
    table.time += CACHE_SECONDS
    assert refused(directory, "k1")


def test_both_keys_work_while_they_are_changed(
    table: FakeTable, directory: ConsumerDirectory
) -> None:
    directory.of_key("k1")
    table.issue("app", "k2")
    # At once, though what was read of its consumer says otherwise.
    assert directory.of_key("k2").name == directory.of_key("k1").name == "app"
    table.items["app"]["key_ids"] = ["k2"]
    table.time += CACHE_SECONDS
    assert refused(directory, "k1")
    assert directory.of_key("k2").name == "app"


def test_a_consumer_that_is_gone_is_refused(table: FakeTable, directory: ConsumerDirectory) -> None:
    directory.of_key("k1")
    del table.items["app"]
    table.time += CACHE_SECONDS
    assert refused(directory, "k1")
