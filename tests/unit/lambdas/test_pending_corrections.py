"""Corrections wait until a dataset version has them, whatever the index knows of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meguru.pending_corrections import PendingCorrections


@pytest.fixture
def table(make_table: Callable[..., Any]) -> Any:
    return make_table("feedback", "feedback_id", "pending")


def correct(table: Any, *names: str) -> None:
    for name in names:
        item = {"feedback_id": name, "pending": "correction", "model": "meguru-text"}
        table.put_item(Item=item)


class LaggingTable:
    """A table whose index is as it was at some time."""

    def __init__(self, table: Any, indexed: list[str]) -> None:
        self._table, self._indexed = table, indexed

    def query(self, **_: Any) -> dict[str, Any]:
        return {"Items": [{"feedback_id": name} for name in self._indexed]}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def test_index_that_lacks_the_newest(table: Any) -> None:
    correct(table, "a", "b")
    assert PendingCorrections(LaggingTable(table, []), "pending").models({"a", "b"}).keys() == {
        "a",
        "b",
    }


def test_index_that_still_has_what_was_taken(table: Any) -> None:
    correct(table, "a", "b")
    PendingCorrections(table, "pending").take(["a"], "run-1")
    assert PendingCorrections(LaggingTable(table, ["a", "b"]), "pending").models(set()) == {
        "b": "meguru-text"
    }


def test_racing_runs_take_each_correction_once(table: Any) -> None:
    correct(table, "a", "b", "c", "d")
    pending = PendingCorrections(table, "pending")
    pending.take(["a", "b"], "run-1")
    pending.take(["a", "b", "c", "d"], "run-2")
    runs = [table.get_item(Key={"feedback_id": one})["Item"]["curation_run"] for one in "abcd"]
    assert runs == ["run-1", "run-1", "run-2", "run-2"]


def test_more_than_a_page(table: Any) -> None:
    names = [f"fb-{number:04}" for number in range(60)]
    correct(table, *names)

    class Paged(LaggingTable):
        def query(self, **query: Any) -> dict[str, Any]:
            page: dict[str, Any] = table.query(Limit=25, **query)
            return page

    assert PendingCorrections(Paged(table, []), "pending").models(set()).keys() == set(names)


def test_what_no_run_has_read_waits(table: Any) -> None:
    correct(table, "a", "b")
    PendingCorrections(table, "pending").take(["a", "unknown"], "run-1")
    assert PendingCorrections(table, "pending").models(set()).keys() == {"b"}
