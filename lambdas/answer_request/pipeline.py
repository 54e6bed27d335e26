"""A request's way: whether it may be asked, the model's answer, what it used, and its record."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.answer_request.answer import ERROR, Answer
from lambdas.answer_request.assembly import Assembly, chunks_of, text_of
from lambdas.answer_request.caching import Caching, Place
from lambdas.answer_request.endpoint import TextEndpoint
from lambdas.answer_request.guarding import FILTERED, Guarding
from lambdas.answer_request.ports import Guard, Log
from lambdas.answer_request.single_flight import CachedAnswer
from meguru.api_errors import ApiError, model_not_allowed, other_kind, unknown_model
from meguru.chat_request import ChatRequest
from meguru.ledger import Ledger
from meguru.prompt_bound import PromptBound
from meguru.request import Request
from meguru.usage_report import request_attributes

Chunks = Iterator[dict[str, Any]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """A model's endpoint, and the most tokens of an answer to a request that sets no limit."""

    endpoint: TextEndpoint
    answer_tokens: int
    kind: str = "text"


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The models by their names in the API, and what stands around them; None: it isn't there.

    `prompt_of` says how much the company's own prompt may add to what a model is asked now, and
    `released` which version of it is released, as far as that is known without asking.
    """

    models: Mapping[str, Model]
    log: Log
    ledger: Ledger | None = None
    prompt_of: Callable[[str], PromptBound] = lambda _: PromptBound()
    released: Callable[[str], str] = lambda _: ""
    guard: Guard | None = None
    caching: Caching | None = None

    def complete(self, answer: Answer) -> dict[str, Any]:
        """The completion, recorded before it is given back."""
        model, guarding = self._admit(answer)
        with self._recorded(answer, guarding), self._place(answer) as place:
            if place.found:
                self._repeat(answer, place.found)
            else:
                completion = self._ask(answer, model)
                answer.given = guarding.check_answer(completion) if guarding else completion
                answer.cut_by = ""
                place.keep(answer.answering, answer.given)
        return answer.named(answer.given)

    @contextmanager
    def stream(self, answer: Answer) -> Iterator[Chunks]:
        """The completion's chunks; recorded when the context is left, however early."""
        model, guarding = self._admit(answer)
        with self._recorded(answer, guarding), self._place(answer) as place:
            if place.found:
                self._repeat(answer, place.found)
                yield _as_asked_for(answer, chunks_of(answer.given))
                return
            assembly = Assembly()
            try:
                with self._asked(answer, model) as chunks:
                    if guarding:
                        chunks = guarding.check_chunks(chunks, answer.request.num_choices)
                    yield _as_asked_for(answer, _assembled(assembly, chunks))
            finally:
                answer.give(assembly)
            if answer.is_whole and not answer.cut_by:
                place.keep(answer.answering, answer.given)

    def _admit(self, answer: Answer) -> tuple[Model, Guarding | None]:
        """The model that is asked; ApiError where the caller may not ask it, or not this."""
        allowed = [name for name in self.models if answer.consumer.may_use(name)]
        if answer.model not in self.models:
            raise unknown_model(answer.model, allowed)
        if answer.model not in allowed:
            raise model_not_allowed(answer.model, allowed)
        model = self.models[answer.model]
        if model.kind != answer.request.kind:
            raise other_kind(answer.model, model.kind)
        guarding = Guarding(self.guard) if self.guard else None
        if guarding:
            answer.request = self._check_input(answer, guarding)
        return model, guarding

    def _check_input(self, answer: Answer, guarding: Guarding) -> Request:
        try:
            return guarding.check_input(answer.request)
        except ApiError as error:
            if error.code == FILTERED:
                answer.cut_by = FILTERED
                self._write(answer, guarding)
            raise

    @contextmanager
    def _recorded(self, answer: Answer, guarding: Guarding | None) -> Iterator[None]:
        """Whatever comes of what the model was asked, there is a record of it."""
        try:
            yield
        except (ApiError, ClientError):
            answer.cut_by = ERROR
            raise
        finally:
            if answer.latency.asked or (answer.is_cached and answer.given):
                self._write(answer, guarding)

    @contextmanager
    def _place(self, answer: Answer) -> Iterator[Place]:
        if self.caching is None:
            yield Place()
            return
        with self.caching.place(answer.consumer, answer.request, answer.cache_control) as place:
            answer.is_cached = place.found is not None
            yield place

    def _repeat(self, answer: Answer, found: CachedAnswer) -> None:
        """An answer that was made before is charged by its own rule."""
        answer.answering = found.answering
        answer.usage, answer.cut_by = found.completion.get("usage") or {}, ""
        if self.ledger:
            tokens = answer.prompt_tokens + answer.completion_tokens
            answer.rates = self.ledger.charge_cached(answer.consumer, tokens, answer.model)
        answer.given = found.completion

    def _ask(self, answer: Answer, model: Model) -> dict[str, Any]:
        attributes = self._reserve(answer, model)
        with self._settled(answer):
            answer.latency.asked = time.monotonic()
            body = answer.request.body()
            answer.answering, completion = model.endpoint.complete(body, attributes)
            answer.usage, answer.is_whole = completion.get("usage") or {}, True
        return completion

    @contextmanager
    def _asked(self, answer: Answer, model: Model) -> Iterator[Chunks]:
        attributes = self._reserve(answer, model)
        # Usage is always wanted for the record, also of an answer that is left before its end
        # (vLLM's option); the caller sees it only when asked for, and only at the end.
        options = {"include_usage": True, "continuous_usage_stats": True}
        body = answer.request.body() | {"stream_options": options}
        with self._settled(answer):
            answer.latency.asked = time.monotonic()
            with model.endpoint.stream(body, attributes) as (answer.answering, chunks):
                answer.is_accepted = True
                yield _read(answer, chunks)

    def _reserve(self, answer: Answer, model: Model) -> str:
        """Reserve the most it can use; the attributes by which its model server reports."""
        if self.ledger is None:
            return ""
        tokens = answer.request.most_tokens(model.answer_tokens)
        # Nothing else is read with a prompt before it.
        if isinstance(answer.request, ChatRequest):
            tokens += self.prompt_of(answer.model).most_tokens(answer.request.messages)
        answer.reservation = self.ledger.reserve(
            answer.inference_id, answer.consumer, tokens, answer.model
        )
        answer.rates = answer.reservation.rates
        return request_attributes(answer.reservation.book, answer.inference_id)

    @contextmanager
    def _settled(self, answer: Answer) -> Iterator[None]:
        """What was reserved becomes what was used, as far as that is known here.

        Where the caller leaves, or the answer does not come, the model goes on for a while: its
        server reports what it used, and the ledger hears of it.
        """
        is_refused = False
        try:
            yield
        except (ApiError, ClientError) as error:
            may_have_answered = getattr(error, "may_have_answered", False)
            is_refused = not answer.is_accepted and not may_have_answered
            raise
        finally:
            if (answer.is_whole or is_refused) and self.ledger and answer.reservation:
                self._settle(self.ledger, answer)

    def _settle(self, ledger: Ledger, answer: Answer) -> None:
        assert answer.reservation is not None
        try:
            ledger.settle(answer.reservation, answer.prompt_tokens, answer.completion_tokens)
        except (BotoCoreError, ClientError):
            # The caller has its answer; the reservation stays, and is settled when it expires.
            logger.exception("%s could not be settled", answer.inference_id)

    def _write(self, answer: Answer, guarding: Guarding | None) -> None:
        if guarding:
            answer.rule, answer.is_guarded = guarding.rule, guarding.met_answer
        # An engine that doesn't say which version it is counts as the new one's.
        is_made_now = bool(answer.latency.asked) and not answer.is_cached
        is_released = answer.answering.model_version == self.released(answer.model)
        answer.is_of_new_version = is_made_now and not is_released
        self.log.write(answer.record(), answer.consumer.log)


def _read(answer: Answer, chunks: Chunks) -> Chunks:
    """The chunks as the model server gives them, and what they say of the answer."""
    try:
        for chunk in chunks:
            answer.latency.begun = answer.latency.begun or time.monotonic()
            answer.usage = chunk.get("usage") or answer.usage
            if answer.latency.first_token is None and any(map(text_of, chunk["choices"])):
                answer.latency.first_token = time.monotonic()
            yield chunk
        answer.is_whole = True
    except Exception:
        answer.cut_by = ERROR
        raise


def _assembled(assembly: Assembly, chunks: Chunks) -> Chunks:
    for chunk in chunks:
        assembly.add(chunk)
        yield chunk


def _as_asked_for(answer: Answer, chunks: Chunks) -> Chunks:
    """The chunks under the caller's names, with the usage that it asked for."""
    request = answer.request
    for chunk in chunks:
        if not chunk["choices"]:
            if request.include_usage:
                yield answer.named(chunk)
            continue
        if not request.continuous_usage:
            # The model gives it in every one.
            chunk = {name: value for name, value in chunk.items() if name != "usage"}
            chunk |= {"usage": None} if request.include_usage else {}
        yield answer.named(chunk)
