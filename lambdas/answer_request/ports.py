"""What stands around the model on a request's way, as far as there are several of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from meguru.consumer import Consumer
from meguru.model_version import Answering
from meguru.records import Inference
from meguru.verdict import Verdict


class Consumers(Protocol):
    def of_key(self, key_id: str) -> Consumer:
        """Whose API key it is, by API Gateway's id of it; ApiError where it is nobody's (yet)."""


class Guard(Protocol):
    def check(self, text: str, side: str) -> Verdict:
        """What the rules say of a text; `side` is "input" or "output".

        ApiError where that can't be found out: nothing passes unseen.
        """


@dataclass(frozen=True)
class CachedAnswer:
    """A completion as it was given when it was not streamed, and what gave it."""

    completion: dict[str, Any]
    answering: Answering


class Lead(Protocol):
    def give_up(self) -> None:
        """Let another one lead: there will be no answer. Nothing where one was put."""


class AnswerCache(Protocol):
    """It never raises: where the store can't be asked, there is nothing, and whoever asks leads."""

    def get(self, key: str) -> CachedAnswer | None: ...

    def put(self, key: str, answer: CachedAnswer, seconds: int) -> None:
        """Keep an answer, and wake who waits for it."""

    def lead(self, key: str, seconds: int) -> Lead | None:
        """The right to make the answer to `key` alone for so long; None where another has it."""

    def wait(self, key: str) -> CachedAnswer | None:
        """The answer that another makes; None where that one has given up or is gone."""


class Log(Protocol):
    def write(self, inference: Inference, policy: str) -> None:
        """Keep the record of an answer, as much of it as the consumer's `log` policy says."""
