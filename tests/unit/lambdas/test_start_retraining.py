"""Enough feedback asks for curation, until a dataset version has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.start_retraining import handler as function
from meguru.pending_feedback import PendingFeedback
from meguru.records import CORRECTION, FEEDBACK_KINDS, VOTE


class FakeQueue:
    def __init__(self) -> None:
        self.looks: list[str] = []

    def send_message(self, **request: Any) -> None:
        assert request["QueueUrl"] == "https://sqs/looks"
        self.looks.append(json.loads(request["MessageBody"])["look"])


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    fake = FakeQueue()
    monkeypatch.setattr(function, "sqs", lambda: fake)
    return fake


@pytest.fixture
def table(make_table: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    table = make_table("feedback", "feedback_id", "pending")
    pending = {kind: PendingFeedback(table, "pending", kind) for kind in FEEDBACK_KINDS}
    monkeypatch.setattr(function, "pending_feedback", lambda: pending)
    return table


def correct(
    table: Any,
    *names: str,
    model: str = "meguru-text",
    answer: str = "",
    kind: str = CORRECTION,
) -> dict[str, Any]:
    """Put feedback, each of an answer of its own or all of one; the batch that tells of them."""
    for name in names:
        item = {"feedback_id": name, "pending": kind, "model": model}
        of = {"inference_id": answer or f"answer-{name}", "created_at": f"2026-01-01T{name}"}
        table.put_item(Item=item | of)
    return batch(*names)


def batch(*names: str) -> dict[str, Any]:
    return {"Records": [{"dynamodb": {"Keys": {"feedback_id": {"S": name}}}} for name in names]}


def test_below_the_threshold_nothing_happens(table: Any, queue: FakeQueue) -> None:
    function.handler(correct(table, "a", "b"), None)
    assert queue.looks == []


def test_an_answer_counts_once_however_often_it_is_corrected(table: Any, queue: FakeQueue) -> None:
    function.handler(correct(table, *"abcd", answer="one"), None)
    for name in "efg":
        function.handler(correct(table, name, answer="other"), None)
    assert queue.looks == []
    function.handler(correct(table, "h", answer="a third"), None)
    assert queue.looks == ["feedback"]


def test_each_model_s_corrections_count_for_it(table: Any, queue: FakeQueue) -> None:
    for names, model in (("ab", "meguru-text"), ("cdef", "other")):
        function.handler(correct(table, *names, model=model), None)
    assert queue.looks == []
    function.handler(correct(table, "g", model="other"), None)
    assert queue.looks == ["feedback"]


def test_corrections_of_a_model_that_has_gone_are_learnt(table: Any, queue: FakeQueue) -> None:
    function.handler(correct(table, "a", "b", "c", model="gone"), None)
    assert queue.looks == ["feedback"]


def test_threshold_over_several_batches(table: Any, queue: FakeQueue) -> None:
    for name in "abc":
        assert queue.looks == []
        function.handler(correct(table, name), None)
    assert queue.looks == ["feedback"]
    # Curation may have read the others by now: who comes later is asked for as well.
    function.handler(correct(table, "d"), None)
    assert queue.looks == ["feedback"] * 2


def test_what_a_version_has_counts_no_more(table: Any, queue: FakeQueue) -> None:
    correct(table, "a", "b", "c")
    PendingFeedback(table, "pending").take(["a", "b", "c"], "run")
    function.handler(batch("a", "b", "c"), None)
    function.handler(correct(table, "d"), None)
    assert queue.looks == []


def test_a_batch_again_asks_again(table: Any, queue: FakeQueue) -> None:
    """Its function may have died before it could ask."""
    arrived = correct(table, "a", "b", "c")
    for _ in range(2):
        function.handler(arrived, None)
    assert queue.looks == ["feedback"] * 2


def test_votes_have_a_threshold_of_their_own(table: Any, queue: FakeQueue) -> None:
    function.handler(correct(table, "a", "b"), None)
    function.handler(correct(table, "c", kind=VOTE), None)
    assert queue.looks == []
    function.handler(correct(table, "d", kind=VOTE), None)
    assert queue.looks == ["feedback"]


def test_an_answer_counts_once_however_often_it_is_voted_on(table: Any, queue: FakeQueue) -> None:
    for name in "abcd":
        function.handler(correct(table, name, answer="one", kind=VOTE), None)
    assert queue.looks == []


def test_votes_of_a_model_without_a_threshold_ask_for_nothing(table: Any, queue: FakeQueue) -> None:
    function.handler(correct(table, *"abcdefgh", model="other", kind=VOTE), None)
    assert queue.looks == []


def test_votes_of_a_model_that_has_gone_are_learnt(table: Any, queue: FakeQueue) -> None:
    function.handler(correct(table, "a", "b", model="gone", kind=VOTE), None)
    assert queue.looks == ["feedback"]


def test_without_the_rule_votes_ask_for_nothing(
    table: Any, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_BEFORE_RETRAINING", '{"correction": {"meguru-text": 3}}')
    function.handler(correct(table, *"abcdefgh", kind=VOTE), None)
    assert queue.looks == []
