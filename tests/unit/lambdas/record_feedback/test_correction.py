"""What of a conversation a correction goes with, and which question can't be learnt."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.record_feedback.correction import CorrectionCheck, split_conversation
from lambdas.record_feedback.token_counter import TokenCounter
from meguru.api_errors import ApiError
from meguru.limits import MAX_QUESTION_CHARACTERS


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
    check = CorrectionCheck(TokenCounter(None, "text"), 10_000)
    with pytest.raises(ApiError, match=f"has {len(question)} characters") as refusal:
        check.refuse_unlearnable([], question, "a")
    assert refusal.value.status == 400
    check.refuse_unlearnable([], "x" * MAX_QUESTION_CHARACTERS, "a")
