"""What a provider answers, and how long it took: the same for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from meguru.limits import Message


@dataclass(frozen=True)
class Reply:
    """An answer. Seconds are from the request on; tokens are None where nobody counted them.

    `first_seconds` is when the first text came, None where it came all at once. Of an answer that
    took `num_retries` the seconds have the waiting in them.
    """

    text: str
    seconds: float
    first_seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    num_retries: int = 0


class NoReply(Exception):
    """A question that a provider gave no answer to; the message says why.

    `is_final` says that it would be so for every other question: a wrong key, an unknown model.
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Client(Protocol):
    """A provider that can be asked: behind OpenAI's API, or Bedrock's."""

    def ask(self, messages: Sequence[Message]) -> Reply:
        """The answer to a conversation that ends in a question, or NoReply."""
        ...


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counts them for its bill; None where it says no number."""

    input_tokens: int | None
    output_tokens: int | None

    @classmethod
    def of(cls, input_tokens: object, output_tokens: object) -> Usage:
        """What is no number counts nothing."""
        return cls(_count(input_tokens), _count(output_tokens))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


Part = str | Usage


def gather(
    parts: Iterator[Part],
    started: float,
    num_retries: int,
    limit_seconds: float,
    clock: Callable[[], float],
) -> Reply:
    """A reply out of a stream of texts and of what they cost; NoReply where it has no end."""
    until = clock() + limit_seconds
    said: list[str] = []
    first, usage = None, None
    for part in parts:
        if clock() > until:
            raise NoReply(f"no whole answer within {limit_seconds:g} s")
        if isinstance(part, Usage):
            usage = part
        elif part:
            first = clock() - started if first is None else first
            said.append(part)
    return Reply(
        "".join(said),
        clock() - started,
        first,
        usage.input_tokens if usage else None,
        usage.output_tokens if usage else None,
        num_retries,
    )


now = time.perf_counter
