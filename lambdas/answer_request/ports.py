"""What stands around the model on a request's way: of each there is one, or there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from meguru.consumer import Consumer
from meguru.model_version import Answering
from meguru.rate_limits import RateLimits
from meguru.records import Inference
from meguru.verdict import Verdict


class Consumers(Protocol):
    def of_key(self, key_id: str) -> Consumer:
        """Whose API key it is, by API Gateway's id of it; ApiError where it is nobody's (yet)."""


class Guard(Protocol):
    def check(self, text: str, side: str) -> Verdict:
        """What the rules say of a text; `side` is "input" or "output"."""


class Reservation(Protocol):
    @property
    def limits(self) -> RateLimits:
        """What the consumer may still ask for, with this one counted."""


class Ledger(Protocol):
    def reserve(
        self, reservation_id: str, caller: Consumer, tokens: int, model: str, now: datetime
    ) -> Reservation:
        """Set aside the most that a request can use; QuotaExceeded or RateLimited where it can't.

        It counts as a request also where it reserves no tokens.
        """

    def settle(
        self,
        reservation: Any,
        prompt_tokens: int,
        completion_tokens: int,
        cached: bool = False,
    ) -> None:
        """Replace what was set aside by what was used; the second time changes nothing.

        Of an answer that was `cached` they are the tokens of its first time.
        """

    def leave(self, reservation: Any, prompt_tokens: int, completion_tokens: int) -> None:
        """At least this was used; how much, the model server will report, by the reservation's id.

        So ends an answer whose caller left, or that did not come in time.
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
    def get(self, key: str) -> CachedAnswer | None: ...

    def put(self, key: str, answer: CachedAnswer, seconds: int) -> None:
        """Keep an answer, and wake who waits for it."""

    def lead(self, key: str, seconds: int) -> Lead | None:
        """The right to make the answer to `key` alone for so long; None where another has it."""

    def wait(self, key: str) -> CachedAnswer | None:
        """The answer that another makes; None where that one has given up or is gone."""


class Log(Protocol):
    def write(self, inference: Inference) -> None:
        """Keep the record of an answer."""


@dataclass(frozen=True)
class Ports:
    """All of them; what is None isn't there."""

    log: Log
    ledger: Ledger | None = None
