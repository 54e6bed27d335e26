"""What passes through curation: questions with an answer, and what was set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from meguru.limits import Message

SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Source:
    """Where a record came from: a raw object (`uri` is its key in the lake) or a feedback id."""

    kind: Literal["document", "feedback"]
    uri: str


@dataclass(frozen=True)
class Record:
    """One answer and the ways its question is asked, in the order they were given.

    `questions` and `answer` are as they arrived; `created_at` (ISO 8601) is the moment of a
    correction, and the day a document's answer dates from where that is known.
    `context` is the messages before the question, where it was asked in a conversation.
    """

    questions: tuple[str, ...]
    answer: str
    source: Source
    created_at: str = ""
    context: tuple[Message, ...] = ()


@dataclass(frozen=True)
class SetAside:
    """What is kept out of the dataset, and why. Nothing is lost: `content` is what arrived."""

    reason: str
    detail: str
    source: Source
    content: Any


def shown(text: str) -> str:
    """The beginning of a text, in one line, for a sentence about it."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
