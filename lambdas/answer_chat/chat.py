"""Answers a chat: asks the endpoint, keeps the record, gives OpenAI's completion back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambdas.answer_chat.endpoint import TextEndpoint
from lambdas.answer_chat.inference_log import InferenceLog
from meguru.chat_request import ChatRequest
from meguru.model_version import Answering
from meguru.records import Inference


@dataclass
class Answer:
    """What is known of an answer while it is made."""

    request: ChatRequest
    consumer: str
    inference_id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    text: str = ""
    # Until the model says why it stopped, the caller has left before the end.
    finish_reason: str = "cancelled"
    answering: Answering = field(default_factory=Answering)
    usage: dict[str, int] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The name the caller knows the model by."""
        return self.request.model or ""

    def record(self) -> Inference:
        return Inference(
            inference_id=self.inference_id,
            created_at=self.created_at.isoformat(),
            consumer=self.consumer,
            model=self.model,
            model_package_arn=self.answering.model_version,
            prompt_version=self.answering.prompt_version,
            messages=self.request.messages,
            answer=self.text,
            finish_reason=self.finish_reason,
            prompt_tokens=self.usage.get("prompt_tokens", 0),
            completion_tokens=self.usage.get("completion_tokens", 0),
            latency_ms=round((time.monotonic() - self.started) * 1000),
        )


class Chat:
    """One endpoint and one log, for any number of requests."""

    def __init__(self, endpoint: TextEndpoint, log: InferenceLog) -> None:
        self._endpoint, self._log = endpoint, log

    def complete(self, answer: Answer) -> dict[str, Any]:
        """The completion, recorded before it is given back."""
        answer.answering, completion = self._endpoint.complete(answer.request.body())
        choice = completion["choices"][0]
        answer.text = choice["message"].get("content") or ""
        answer.finish_reason = choice["finish_reason"]
        answer.usage = completion.get("usage") or {}
        self._log.write(answer.record())
        return self._named(answer, completion)

    @contextmanager
    def stream(self, answer: Answer) -> Iterator[Iterator[dict[str, Any]]]:
        """The completion's chunks; recorded when the context is left, however early."""
        # Usage is always wanted for the record, also of an answer that is left before its end
        # (vLLM's option); the caller sees it only when asked for, and only at the end.
        options = {"include_usage": True, "continuous_usage_stats": True}
        body = answer.request.body() | {"stream_options": options}
        with self._endpoint.stream(body) as (answer.answering, chunks):
            try:
                yield self._read_chunks(answer, chunks)
            finally:
                self._log.write(answer.record())

    def _read_chunks(
        self, answer: Answer, chunks: Iterator[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        try:
            for chunk in chunks:
                _read(chunk, answer)
                if chunk["choices"]:
                    yield self._named(answer, _with_usage(chunk, answer.request))
                elif answer.request.include_usage:
                    yield self._named(answer, chunk)
        except Exception:
            answer.finish_reason = "error"
            raise

    def _named(self, answer: Answer, completion: dict[str, Any]) -> dict[str, Any]:
        return completion | {"id": answer.inference_id, "model": answer.model}


def _with_usage(chunk: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
    """The chunk with the usage that its caller asked for; the model gives it in every one."""
    if request.continuous_usage:
        return chunk
    chunk.pop("usage", None)
    return chunk | {"usage": None} if request.include_usage else chunk


def _read(chunk: dict[str, Any], answer: Answer) -> None:
    answer.usage = chunk.get("usage") or answer.usage
    for choice in chunk["choices"]:
        answer.text += choice["delta"].get("content") or ""
        answer.finish_reason = choice.get("finish_reason") or answer.finish_reason
