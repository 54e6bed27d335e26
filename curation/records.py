"""What passes through curation: questions with an answer, and what was set aside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from meguru.dataset_version import TrainTurns
from meguru.limits import Message
from meguru.normalisation import normalise

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
    `context` is the messages before the question, where it was asked in a conversation; with
    `train_turns` "all" what an assistant says in them is learnt too. `rejected` is a worse answer,
    `rating` 1 or -1 where the answer was found good or bad. `is_conversation` says that it came as
    a conversation, an instruction or a preference: with one way to ask.
    """

    questions: tuple[str, ...]
    answer: str
    source: Source
    created_at: str = ""
    context: tuple[Message, ...] = ()
    train_turns: TrainTurns = "last"
    rejected: str = ""
    rating: int = 0
    is_conversation: bool = False

    @property
    def is_judged(self) -> bool:
        """Whether it says how good an answer is; of one question there may be many such."""
        return bool(self.rejected or self.rating)

    @property
    def first_question(self) -> str:
        """What the user said first."""
        asked = (one["content"] for one in self.context if one["role"] == "user")
        return next(asked, self.questions[0])

    def as_content(self) -> dict[str, Any]:
        """What arrived, for a person who looks for it; without what it doesn't have."""
        content = {
            "context": list(self.context),
            "question": self.questions[0],
            "answer": self.answer,
            "phrasings": list(self.questions[1:]),
            "rejected": self.rejected,
            "rating": self.rating,
        }
        return {name: value for name, value in content.items() if value}


@dataclass(frozen=True)
class SetAside:
    """What is kept out of the dataset, and why. Nothing is lost: `content` is what arrived."""

    reason: str
    detail: str
    source: Source
    content: Any


Parsed = Record | SetAside


def kind_of(value: object) -> str:
    """What stands where something else should, in a person's words."""
    if isinstance(value, str):
        return "text" if normalise(value) else "empty"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


def has_half_a_character(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def shown(text: str) -> str:
    """The beginning of a text, in one line, for a sentence about it."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
