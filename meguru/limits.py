"""The limits more than one part knows: what is accepted is kept, and what is kept is learnt."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meguru.unicode_forms import normalized

MAX_QUESTION_CHARACTERS = 500
MAX_ANSWER_CHARACTERS = 2_000
# All that is said in a conversation; training cuts it to the model's context.
MAX_CONVERSATION_CHARACTERS = 200_000
MAX_CONVERSATION_MESSAGES = 1_000
# Of the id of an answer; those that are given have a quarter of it.
MAX_ID_CHARACTERS = 200
# More than any chat template writes around a message.
MAX_TEMPLATE_TOKENS = 16

Message = Mapping[str, str]


@dataclass(frozen=True)
class TooLong:
    """A row that no training can use: it has more tokens than the model's context, `limit`."""

    record_id: str
    source_uri: str
    num_tokens: int
    limit: int


@dataclass(frozen=True)
class Refused:
    """A row whose conversation the model's chat template doesn't take."""

    record_id: str
    source_uri: str
    reason: str


SetAside = TooLong | Refused


class Shortenings:
    """`context` and what may be left of it where a conversation is too long, longest first.

    The oldest turn goes first, whole: a question with what was answered. System messages stay.
    Each is made when it is asked for: all together would be as many messages as turns squared.
    """

    def __init__(self, context: Sequence[Message]) -> None:
        self._context = context
        self._system = [message for message in context if message["role"] == "system"]
        self._turns = [message for message in context if message["role"] != "system"]
        questions = [index for index, one in enumerate(self._turns) if one["role"] == "user"]
        self._starts = sorted({0, *questions, len(self._turns)})

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> list[Message]:
        start = self._starts[index]
        return [*self._system, *self._turns[start:]] if start else list(self._context)


def most_tokens(messages: Sequence[Message]) -> int:
    """The most tokens `messages` can have in any model whose tokenizer goes down to bytes.

    A token is at least a byte of its text, which some tokenizers make NFKC first.
    """
    return sum(MAX_TEMPLATE_TOKENS + most_bytes(message["content"]) for message in messages)


def most_bytes(text: str) -> int:
    """Of `text` as it is, or as some tokenizers read it."""
    return max(len(text.encode()), len(normalized("NFKC", text).encode()))


def is_blank(text: str) -> bool:
    """Whether there is nothing to read in `text`: spaces and signs without a form only."""
    return all(one.isspace() or unicodedata.category(one) in ("Cc", "Cf") for one in text)
