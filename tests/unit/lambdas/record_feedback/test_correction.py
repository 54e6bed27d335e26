"""What of a conversation a correction goes with, and which question can't be learnt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.record_feedback.correction import CorrectionCheck, split_conversation
from lambdas.record_feedback.settings import Model
from lambdas.record_feedback.token_counter import TokenCounter
from meguru.api_errors import ApiError
from meguru.limits import MAX_QUESTION_CHARACTERS
from tests.unit.lambdas.conftest import FakeRuntime


@pytest.mark.parametrize(
    ("messages", "context", "question"),
    [
        ([("user", "q")], [], "q"),
        ([("developer", "s"), ("user", "q")], [("system", "s")], "q"),
        (
            [("user", "a"), ("assistant", None), ("user", "q")],
            [("user", "a"), ("assistant", "")],
            "q",
        ),
        ([("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])], [], "ab"),
        ([("user", "q"), ("assistant", "cut")], [], "q"),
        ([("system", "s")], [], ""),
    ],
)
def test_conversation_before_the_question(
    messages: list[tuple[str, Any]], context: list[tuple[str, str]], question: str
) -> None:
    said = [{"role": role, "content": content} for role, content in messages]
    found, last = split_conversation(said)
    assert ([(one["role"], one["content"]) for one in found], last) == (context, question)


@pytest.mark.parametrize("question", ["", "\u200b", "x" * (MAX_QUESTION_CHARACTERS + 1)])
def test_question_that_curation_would_drop_is_refused(question: str) -> None:
    check = CorrectionCheck(TokenCounter(None), {"text": Model("endpoint", 10_000)})
    with pytest.raises(ApiError, match=f"has {len(question)} characters") as refusal:
        check.refuse_unlearnable("text", [], question, "a")
    assert refusal.value.status == 400
    check.refuse_unlearnable("text", [], "x" * MAX_QUESTION_CHARACTERS, "a")


@pytest.mark.parametrize(
    ("model_name", "endpoint_name"), [("short", "a"), ("long", "b"), ("gone", "b")]
)
def test_the_model_that_answered_counts(model_name: str, endpoint_name: str) -> None:
    runtime = FakeRuntime(json.dumps({"usage": {"prompt_tokens": 10}}).encode())
    models = {"short": Model("a", 10), "long": Model("b", 20)}
    CorrectionCheck(TokenCounter(runtime), models).refuse_unlearnable(model_name, [], "q", "a")
    assert [request["EndpointName"] for request in runtime.requests] == [endpoint_name]
