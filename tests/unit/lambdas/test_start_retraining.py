"""Enough corrections start the loop again, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.start_retraining import handler as function
from lambdas.start_retraining.pending_corrections import PendingCorrections


class AlreadyExists(Exception):
    pass


class FakeStepFunctions:
    """Starts an execution of one name once."""

    class exceptions:  # noqa: N801
        ExecutionAlreadyExists = AlreadyExists

    def __init__(self) -> None:
        self.started: list[str] = []

    def start_execution(self, **request: Any) -> None:
        if request["name"] in self.started:
            raise AlreadyExists
        self.started.append(request["name"])


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> FakeStepFunctions:
    fake = FakeStepFunctions()
    monkeypatch.setattr(function, "stepfunctions", lambda: fake)
    return fake


@pytest.fixture
def table(make_table: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    table = make_table("feedback", "feedback_id", "pending")
    pending = PendingCorrections(table, "pending")
    monkeypatch.setattr(function, "pending_corrections", lambda: pending)
    return table


def correct(table: Any, *names: str, model: str = "meguru-text") -> dict[str, Any]:
    """Put corrections of a model's answers, and the batch that tells of them."""
    for name in names:
        item = {"feedback_id": name, "pending": "correction", "model": model}
        table.put_item(Item=item)
    return batch(*names)


def batch(*names: str) -> dict[str, Any]:
    return {"Records": [{"dynamodb": {"Keys": {"feedback_id": {"S": name}}}} for name in names]}


def test_below_the_threshold_nothing_happens(table: Any, states: FakeStepFunctions) -> None:
    function.handler(correct(table, "a", "b"), None)
    assert states.started == []
    assert table.get_item(Key={"feedback_id": "a"})["Item"]["pending"]


def test_each_model_s_corrections_count_for_it(table: Any, states: FakeStepFunctions) -> None:
    for names, model in (("ab", "meguru-text"), ("cdef", "other")):
        function.handler(correct(table, *names, model=model), None)
    assert states.started == []
    function.handler(correct(table, "g", model="other"), None)
    (run,) = states.started
    # The next dataset version has them all.
    assert PendingCorrections(table, "pending").models(set()) == {}
    assert table.get_item(Key={"feedback_id": "a"})["Item"]["curation_run"] == run


def test_corrections_of_a_model_that_has_gone_are_learnt(
    table: Any, states: FakeStepFunctions
) -> None:
    correct(table, "a", "b", model="gone")
    table.put_item(Item={"feedback_id": "c", "pending": "correction", "model": "gone"})
    function.handler(batch("c"), None)
    assert len(states.started) == 1


def test_threshold_over_several_batches(table: Any, states: FakeStepFunctions) -> None:
    for names in (("a",), ("b",), ("c",)):
        function.handler(correct(table, *names), None)
    (run,) = states.started
    for name in "abc":
        item = table.get_item(Key={"feedback_id": name})["Item"]
        assert item["curation_run"] == run and "pending" not in item


def test_same_batch_again_starts_nothing(table: Any, states: FakeStepFunctions) -> None:
    arrived = correct(table, "a", "b", "c")
    function.handler(arrived, None)
    function.handler(arrived, None)
    assert len(states.started) == 1


def test_batch_again_after_a_crash_before_the_taking(
    table: Any, states: FakeStepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = correct(table, "a", "b", "c")
    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(PendingCorrections, "take", crash)
        function.handler(arrived, None)
    function.handler(arrived, None)
    assert len(states.started) == 1
    assert PendingCorrections(table, "pending").models(set()) == {}


def crash(*_: Any) -> None:
    raise RuntimeError("the function was ended")


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


def test_racing_batches_take_each_correction_once(table: Any, states: FakeStepFunctions) -> None:
    correct(table, "a", "b", "c", "d")
    pending = PendingCorrections(table, "pending")
    pending.take(["a", "b"], "run-1")
    pending.take(["a", "b", "c", "d"], "run-2")
    runs = [table.get_item(Key={"feedback_id": one})["Item"]["curation_run"] for one in "abcd"]
    assert runs == ["run-1", "run-1", "run-2", "run-2"]
    function.handler(batch("a", "b", "c", "d"), None)
    assert states.started == []


def test_more_than_a_page(table: Any) -> None:
    names = [f"fb-{number:04}" for number in range(60)]
    correct(table, *names)

    class Paged(LaggingTable):
        def query(self, **query: Any) -> dict[str, Any]:
            page: dict[str, Any] = table.query(Limit=25, **query)
            return page

    assert PendingCorrections(Paged(table, []), "pending").models(set()).keys() == set(names)
