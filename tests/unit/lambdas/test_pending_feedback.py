"""Corrections wait until a dataset version has them, whatever the index knows of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meguru.pending_feedback import PendingFeedback
from meguru.records import VOTE


@pytest.fixture
def table(make_table: Callable[..., Any]) -> Any:
    return make_table("feedback", "feedback_id", "pending")


def correct(table: Any, *names: str) -> None:
    for name in names:
        table.put_item(Item=correction(name))


def correction(name: str, answer: str = "", created_at: str = "2026-01-01") -> dict[str, str]:
    """Of an answer of its own, where none is given."""
    item = {"feedback_id": name, "pending": "correction", "model": "meguru-text"}
    return item | {"inference_id": answer or f"answer-{name}", "created_at": created_at}


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
    pending = PendingFeedback(LaggingTable(table, []), "pending")
    assert pending.answers({"a", "b"}).keys() == {"answer-a", "answer-b"}


def test_index_that_still_has_what_was_taken(table: Any) -> None:
    correct(table, "a", "b")
    PendingFeedback(table, "pending").take(["a"], "run-1")
    pending = PendingFeedback(LaggingTable(table, ["a", "b"]), "pending")
    assert pending.answers(set()) == {"answer-b": "meguru-text"}


def test_racing_runs_take_each_correction_once(table: Any) -> None:
    correct(table, "a", "b", "c", "d")
    pending = PendingFeedback(table, "pending")
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

    found = PendingFeedback(Paged(table, []), "pending").answers(set())
    assert found.keys() == {f"answer-{name}" for name in names}


def test_what_no_run_has_read_waits(table: Any) -> None:
    correct(table, "a", "b")
    PendingFeedback(table, "pending").take(["a", "unknown"], "run-1")
    assert PendingFeedback(table, "pending").answers(set()).keys() == {"answer-b"}


def waiting(table: Any) -> set[str]:
    return {item["feedback_id"] for item in table.scan()["Items"] if "pending" in item}


def test_of_an_answer_s_corrections_the_newest_waits(table: Any) -> None:
    for name, day in (("c", "2026-01-01"), ("a", "2026-01-03"), ("b", "2026-01-02")):
        table.put_item(Item=correction(name, "one", day))
    table.put_item(Item=correction("d", "other"))
    pending = PendingFeedback(table, "pending")
    assert pending.answers({"c"}) == {"one": "meguru-text", "other": "meguru-text"}
    assert waiting(table) == {"a", "d"}
    assert table.get_item(Key={"feedback_id": "c"})["Item"]["superseded_by"] == "b"
    # What a run has read without it changes nothing of the one that came since.
    pending.take(["b", "c"], "run-1")
    assert "curation_run" not in table.get_item(Key={"feedback_id": "b"})["Item"]
    assert pending.answers(set()).keys() == {"one", "other"}


@pytest.mark.parametrize("seen", [["a", "b"], ["b", "c"], ["a", "c"], ["a"], []])
def test_batches_at_once_leave_the_newest_waiting(table: Any, seen: list[str]) -> None:
    """Whichever of them a batch sees, and in whatever order, the newest is nobody's older one."""
    for name in "abc":
        table.put_item(Item=correction(name, "one"))
    PendingFeedback(LaggingTable(table, seen), "pending").answers(set())
    assert "c" in waiting(table)
    assert PendingFeedback(table, "pending").answers(set()).keys() == {"one"}
    assert waiting(table) == {"c"}


def test_votes_and_corrections_wait_apart(table: Any) -> None:
    correct(table, "a")
    table.put_item(Item=correction("b") | {"pending": VOTE})
    votes = PendingFeedback(table, "pending", VOTE)
    assert votes.answers({"a", "b"}).keys() == {"answer-b"}
    votes.take(["a", "b"], "run-1")
    assert votes.answers(set()) == {}
    assert PendingFeedback(table, "pending").answers(set()).keys() == {"answer-a"}
