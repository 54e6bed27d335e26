"""Feedback's identity: what was said counts, when it was said does not."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from meguru.records import Feedback

FEEDBACK = Feedback(
    inference_id="chatcmpl-1",
    consumer="key",
    created_at="2026-11-22T00:00:00+00:00",
    rating=-1,
    question="締め切りは?",
    answer="5日",
    model_package_arn="arn:x",
    corrected_output="10日",
)
OTHER: dict[str, Any] = {"rating": 1, "reasons": ["wrong"], "tags": ["a"]}


def test_time_is_no_part_of_it() -> None:
    assert replace(FEEDBACK, created_at="2027").feedback_id == FEEDBACK.feedback_id


def test_what_follows_from_inferences_is_no_part_of_it() -> None:
    turns = [{"role": "user", "content": "q"}]
    assert replace(FEEDBACK, preferred_answer="a").feedback_id == FEEDBACK.feedback_id
    assert replace(FEEDBACK, context=turns).feedback_id == FEEDBACK.feedback_id
    assert replace(FEEDBACK, context=turns).as_dict()["context"] == turns


FOLLOWS = ("created_at", "context", "preferred_answer")
NAMES = [one.name for one in fields(Feedback) if one.name not in FOLLOWS]


@pytest.mark.parametrize("name", NAMES)
def test_everything_else_is(name: str) -> None:
    changed = replace(FEEDBACK, **{name: OTHER.get(name, "other")})
    assert changed.feedback_id != FEEDBACK.feedback_id


def test_as_dict_has_the_id() -> None:
    assert FEEDBACK.as_dict()["feedback_id"] == FEEDBACK.feedback_id
    assert FEEDBACK.feedback_id.startswith("fb-")
