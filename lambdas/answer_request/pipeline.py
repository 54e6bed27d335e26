"""A request's way: whether it may be asked, the model's answer, what it used, and its record."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.answer_request.answer import CANCELLED, Answer
from lambdas.answer_request.endpoint import TextEndpoint
from lambdas.answer_request.ports import Ports
from meguru.api_errors import ApiError, model_not_allowed, unknown_model
from meguru.chat_request import ChatRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """A model's endpoint, and the most tokens that a prompt and its answer have together."""

    endpoint: TextEndpoint
    context_tokens: int


class Pipeline:
    """The models by their names in the API, and what stands around them."""

    def __init__(self, models: Mapping[str, Model], ports: Ports) -> None:
        self._models, self._ports = models, ports

    def complete(self, answer: Answer) -> dict[str, Any]:
        """The completion, recorded before it is given back."""
        model = self._admit(answer)
        with self._settled(answer):
            answer.answering, completion = model.endpoint.complete(answer.request.body())
            choice = completion["choices"][0]
            answer.text = choice["message"].get("content") or ""
            answer.finish_reason = choice["finish_reason"]
            answer.usage = completion.get("usage") or {}
        self._ports.log.write(answer.record())
        return _named(answer, completion)

    @contextmanager
    def stream(self, answer: Answer) -> Iterator[Iterator[dict[str, Any]]]:
        """The completion's chunks; recorded when the context is left, however early."""
        model = self._admit(answer)
        # Usage is always wanted for the record, also of an answer that is left before its end
        # (vLLM's option); the caller sees it only when asked for, and only at the end.
        options = {"include_usage": True, "continuous_usage_stats": True}
        body = answer.request.body() | {"stream_options": options}
        with self._settled(answer), model.endpoint.stream(body) as (answer.answering, chunks):
            try:
                yield _read_chunks(answer, chunks)
            finally:
                self._ports.log.write(answer.record())

    def _admit(self, answer: Answer) -> Model:
        """The model that is asked; ApiError where the caller may not, or has nothing left."""
        model = self._model(answer)
        if self._ports.ledger:
            answer.reservation = self._ports.ledger.reserve(
                answer.inference_id,
                answer.consumer,
                answer.request.most_tokens(model.context_tokens),
                answer.model,
                answer.created_at,
            )
        return model

    def _model(self, answer: Answer) -> Model:
        allowed = [name for name in self._models if answer.consumer.may_use(name)]
        if answer.model not in self._models:
            raise unknown_model(answer.model, allowed)
        if answer.model not in allowed:
            raise model_not_allowed(answer.model, allowed)
        return self._models[answer.model]

    @contextmanager
    def _settled(self, answer: Answer) -> Iterator[None]:
        """What was reserved becomes what was used, however the answer ends."""
        is_known = False
        try:
            yield
            is_known = answer.finish_reason != CANCELLED
        except (ApiError, ClientError) as error:
            # The model server has refused, or said why it ended.
            is_known = not getattr(error, "may_have_answered", False)
            raise
        finally:
            if answer.reservation:
                self._settle(answer, is_known)

    def _settle(self, answer: Answer, is_known: bool) -> None:
        ledger = self._ports.ledger
        assert ledger is not None
        settle = ledger.settle if is_known else ledger.leave
        try:
            settle(answer.reservation, answer.prompt_tokens, answer.completion_tokens)
        except (BotoCoreError, ClientError):
            # The caller has its answer; the reservation stays, and is settled when it expires.
            logger.exception("%s could not be settled", answer.inference_id)


def _read_chunks(answer: Answer, chunks: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    try:
        for chunk in chunks:
            _read(chunk, answer)
            if chunk["choices"]:
                yield _named(answer, _with_usage(chunk, answer.request))
            elif answer.request.include_usage:
                yield _named(answer, chunk)
    except Exception:
        answer.finish_reason = "error"
        raise


def _named(answer: Answer, completion: dict[str, Any]) -> dict[str, Any]:
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
