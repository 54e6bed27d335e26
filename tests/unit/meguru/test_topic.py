"""What a question is about."""

from __future__ import annotations

import pytest

from meguru.api_errors import ApiError
from meguru.topic import MAX_TOPIC_CHARACTERS, read_topic, topic_of


@pytest.mark.parametrize(
    ("given", "topic"),
    [
        ("経費", "経費"),
        ("  Leave   of absence ", "leave of absence"),
        ("ＩＴ", "it"),
        ("ｹｲﾋ", "ケイヒ"),
        ("C++", "c++"),
        ("x" * MAX_TOPIC_CHARACTERS, "x" * MAX_TOPIC_CHARACTERS),
    ],
)
def test_one_notation(given: str, topic: str) -> None:
    assert read_topic(given) == topic


@pytest.mark.parametrize("given", [" ", "a/b", "a\x00b", "-", "x" * 41, "<b>", "a" * 100_000])
def test_what_is_no_topic_is_refused(given: str) -> None:
    with pytest.raises(ApiError) as refused:
        read_topic(given)
    assert (refused.value.status, refused.value.param) == (400, "metadata.topic")


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("締切は?", "japanese"),
        ("シメキリ", "japanese"),
        ("When is it due?", "other"),
        ("直して:\n```python\nx=1\n```", "code"),
        ("", "other"),
    ],
)
def test_without_one_it_is_known_by_its_form(question: str, topic: str) -> None:
    assert topic_of(question) == topic
