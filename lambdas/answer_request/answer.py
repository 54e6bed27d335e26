"""What is known of an answer while it is made."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambdas.answer_request.assembly import Assembly, text_of
from lambdas.answer_request.latency import Latency
from meguru.answer_flaw import GUARDED, flaw_of
from meguru.consumer import Consumer
from meguru.ledger import Reservation
from meguru.model_version import Answering
from meguru.quota import Rates
from meguru.records import Inference
from meguru.request import Request

# Of an answer whose caller has left before its end, and of one that broke off.
CANCELLED, ERROR = "cancelled", "error"


@dataclass
class Answer:
    """One request on its way, from its caller to the record that is kept of it."""

    request: Request
    consumer: Consumer
    inference_id: str = ""
    # What the caller says of answers that were made before.
    cache_control: str = ""
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    latency: Latency = field(default_factory=Latency)
    # What the caller was given, in one piece.
    given: dict[str, Any] = field(default_factory=dict)
    # What cut it short, where something did.
    cut_by: str = CANCELLED
    answering: Answering = field(default_factory=Answering)
    usage: dict[str, Any] = field(default_factory=dict)
    # Whether a model server has begun to answer.
    is_accepted: bool = False
    # Whether the usage is all of it: the model server has come to its end.
    is_whole: bool = False
    reservation: Reservation | None = None
    # What its consumer may still ask for in this minute.
    rates: Rates | None = None
    # Whether it is one that was made before; None: there is no cache.
    is_cached: bool | None = None
    # The last rule of the guard that something of it has met, and whether the model's words have.
    rule: str = ""
    is_guarded: bool = False
    # Whether a version gave it that isn't released yet.
    is_of_new_version: bool = False

    def __post_init__(self) -> None:
        self.inference_id = self.inference_id or f"{self.request.id_prefix}{uuid.uuid4().hex}"

    @property
    def model(self) -> str:
        """The name the caller knows the model by."""
        return self.request.model or ""

    @property
    def prompt_tokens(self) -> int:
        return int(self.usage.get("prompt_tokens") or 0)

    @property
    def completion_tokens(self) -> int:
        return int(self.usage.get("completion_tokens") or 0)

    def headers(self) -> dict[str, str]:
        """What its response says of it, also where it is an error's."""
        cache = {None: {}, True: {"x-cache": "hit"}, False: {"x-cache": "miss"}}[self.is_cached]
        return {**(self.rates.headers() if self.rates else {}), **cache}

    def named(self, completion: dict[str, Any]) -> dict[str, Any]:
        """A completion, or a chunk of one, under the names that its caller knows."""
        identity = {"id": self.inference_id} if "choices" in completion else {}
        return completion | identity | {"model": self.model}

    def give(self, assembly: Assembly) -> None:
        """What was streamed is what was given, as far as it came."""
        self.given = assembly.whole()
        if assembly.is_complete and self.cut_by == CANCELLED:
            self.cut_by = ""

    def record(self) -> Inference:
        choices = self.given.get("choices", [])
        said = [_said(choice) for choice in choices] or [""]
        reasons = [choice.get("finish_reason") or "" for choice in choices] or ["stop"]
        latency: dict[str, Any] = self.latency.split()
        return Inference(
            inference_id=self.inference_id,
            created_at=self.created_at.isoformat(),
            consumer=self.consumer.name,
            model=self.model,
            model_package_arn=self.answering.model_version,
            prompt_version=self.answering.prompt_version,
            messages=self.request.messages,
            answer=said[0],
            other_answers=said[1:],
            finish_reason=self.cut_by or reasons[0],
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cached=bool(self.is_cached),
            guard_rule=self.rule,
            flaw=self._flaw(),
            of_new_version=self.is_of_new_version,
            **latency,
        )

    def _flaw(self) -> str:
        """What is wrong with what was given, where the model came to an end by itself."""
        if self.is_guarded:
            return GUARDED
        # Nobody has waited for the rest of the others, and vectors have no choices.
        choices = self.given.get("choices", []) if not self.cut_by else []
        ends = [(_said(one), one.get("finish_reason")) for one in choices]
        # The first token alone may be less than a character.
        found = [flaw_of(text) for text, reason in ends if text or reason != "length"]
        return next(filter(None, found), "")


def _said(choice: dict[str, Any]) -> str:
    """A choice's text; without one, the tools it calls."""
    calls = (choice.get("message") or {}).get("tool_calls")
    return text_of(choice) or (json.dumps(calls, ensure_ascii=False) if calls else "")
