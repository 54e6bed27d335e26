"""What is known of an answer while it is made."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lambdas.answer_request.ports import Reservation
from meguru.chat_request import ChatRequest
from meguru.consumer import Consumer
from meguru.model_version import Answering
from meguru.records import Inference

# Of an answer whose caller has left before its end.
CANCELLED = "cancelled"


@dataclass
class Answer:
    """One request on its way, from its caller to the record that is kept of it."""

    request: ChatRequest
    consumer: Consumer
    inference_id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    text: str = ""
    # Until the model says why it stopped.
    finish_reason: str = CANCELLED
    answering: Answering = field(default_factory=Answering)
    usage: dict[str, int] = field(default_factory=dict)
    reservation: Reservation | None = None

    @property
    def model(self) -> str:
        """The name the caller knows the model by."""
        return self.request.model or ""

    @property
    def prompt_tokens(self) -> int:
        return self.usage.get("prompt_tokens", 0)

    @property
    def completion_tokens(self) -> int:
        return self.usage.get("completion_tokens", 0)

    def headers(self) -> dict[str, str]:
        """What its response says of it, also where it is an error's."""
        return self.reservation.limits.headers() if self.reservation else {}

    def record(self) -> Inference:
        return Inference(
            inference_id=self.inference_id,
            created_at=self.created_at.isoformat(),
            consumer=self.consumer.name,
            model=self.model,
            model_package_arn=self.answering.model_version,
            prompt_version=self.answering.prompt_version,
            messages=self.request.messages,
            answer=self.text,
            finish_reason=self.finish_reason,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            latency_ms=round((time.monotonic() - self.started) * 1000),
        )
