"""Two models' answers to one chat, as two choices of which nothing tells whose they are."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from lambdas.answer_request.answer import Answer
from lambdas.answer_request.assembly import Assembly, text_of
from lambdas.answer_request.pipeline import Chunks, Pipeline
from lambdas.answer_request.ports import ComparisonStore
from meguru.alias import Alias
from meguru.api_errors import ApiError
from meguru.chat_request import ChatRequest
from meguru.comparison import ID_PREFIX, Candidate, Comparison
from meguru.sampling_request import not_supported
from meguru.topic import read_topic, topic_of

# Each is made anew: an answer from the cache would be quicker, and cost less.
NO_STORE = "no-store"


@dataclass(frozen=True)
class SideBySide:
    """One chat, asked of two models at once.

    The choices are in an order drawn for each comparison. They have their texts alone: no model's
    name, no fingerprint, no engine's own members, no counts of one of them.
    """

    asked: Answer
    answers: tuple[Answer, Answer]
    comparison: Comparison

    @classmethod
    def of(cls, asked: Answer, alias: Alias) -> SideBySide:
        """ApiError (400) for what can't be compared, or would tell the models."""
        request = _comparable(asked, alias)
        topic = read_topic(request.topic) if request.topic else topic_of(_question(request))
        inference_id = f"{ID_PREFIX}{uuid.uuid4().hex}"
        streamed = replace(request, stream=True, include_usage=False)
        asked = replace(asked, inference_id=inference_id)
        one = replace(asked, request=streamed, cache_control=NO_STORE, inference_id="")
        first, second = (
            one.of_model(model, comparison_id=inference_id, topic=topic) for model in alias.pair()
        )
        comparison = Comparison(
            comparison_id=inference_id,
            consumer=asked.consumer.name,
            created_at=asked.created_at.isoformat(),
            topic=topic,
            is_topic_given=bool(request.topic),
            candidates=(_candidate(first), _candidate(second)),
        )
        return cls(asked, (first, second), comparison)

    @property
    def inference_id(self) -> str:
        return self.asked.inference_id

    def headers(self) -> dict[str, str]:
        """What its response says of both; the last that was reserved counts the other too."""
        rates = [answer.rates for answer in self.answers if answer.rates]
        return rates[-1].headers() if rates else {}

    def complete(self, pipeline: Pipeline) -> dict[str, Any]:
        """The completion in one piece."""
        assembly = Assembly()
        with self.stream(pipeline) as chunks:
            for chunk in chunks:
                assembly.add(chunk)
        return assembly.whole() | {"usage": self._usage()}

    @contextmanager
    def stream(self, pipeline: Pipeline) -> Iterator[Chunks]:
        """The completion's chunks; both answers end when the context is left, however early."""
        with pipeline.together(self.answers) as streams:
            yield self._chunks(streams, pipeline.comparisons)

    def _chunks(self, streams: list[Chunks], store: ComparisonStore | None) -> Chunks:
        ends = ["stop" for _ in streams]
        for index in range(len(streams)):
            yield self._chunk(index, {"role": "assistant", "content": ""})
        texts = [_texts(stream, ends, index) for index, stream in enumerate(streams)]
        for index, text in in_step(texts):
            yield self._chunk(index, {"content": text})
        # Before its reader has the end: the vote may come at once.
        if store:
            store.put(self.comparison)
        for index, end in enumerate(ends):
            yield self._chunk(index, {}, end)
        if self.asked.request.include_usage:
            yield {**self._head(), "choices": [], "usage": self._usage()}

    def _head(self) -> dict[str, Any]:
        return {
            "id": self.inference_id,
            "object": "chat.completion.chunk",
            "created": int(self.asked.created_at.timestamp()),
            "model": self.asked.model,
        }

    def _chunk(self, index: int, delta: dict[str, str], end: str | None = None) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "finish_reason": end, "logprobs": None}
        usage = {"usage": None} if self.asked.request.include_usage else {}
        return {**self._head(), "choices": [choice], **usage}

    def _usage(self) -> dict[str, int]:
        """Of both together."""
        prompt = sum(answer.prompt_tokens for answer in self.answers)
        completion = sum(answer.completion_tokens for answer in self.answers)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }


def in_step(streams: list[Iterator[str]]) -> Iterator[tuple[int, str]]:
    """The texts with their indexes, as many characters of each at a time.

    So neither the slower nor the one with longer words is known by its pace. When one has ended,
    what the others have still to say comes in one piece.
    """
    waiting = ["" for _ in streams]
    while True:
        for index, stream in enumerate(streams):
            waiting[index] = waiting[index] or next(stream, "")
        if not all(waiting):
            break
        length = min(map(len, waiting))
        for index, text in enumerate(waiting):
            yield index, text[:length]
            waiting[index] = text[length:]
    rests = [text + "".join(stream) for text, stream in zip(waiting, streams, strict=True)]
    yield from ((index, rest) for index, rest in enumerate(rests) if rest)


def _texts(chunks: Chunks, ends: list[str], index: int) -> Iterator[str]:
    """What a stream says, without its empty parts; why it ended is put in its place in `ends`."""
    for chunk in chunks:
        for choice in chunk["choices"]:
            ends[index] = choice.get("finish_reason") or ends[index]
            if text := text_of(choice):
                yield text


def _comparable(asked: Answer, alias: Alias) -> ChatRequest:
    request = asked.request
    if not isinstance(request, ChatRequest):
        message = f"'{alias.name}' compares chats, and is asked at /v1/chat/completions."
        raise ApiError(400, message, code="model_not_supported", param="model")
    # What an engine may refuse, or what is told by each in its own way.
    for name in request.engine_options:
        raise not_supported(name)
    if request.top_logprobs is not None:
        raise not_supported("logprobs")
    if request.continuous_usage:
        raise not_supported("stream_options.continuous_usage_stats")
    return request


def _question(request: ChatRequest) -> str:
    said = [one["content"] for one in request.messages if one["role"] == "user"]
    return said[-1] if said else ""


def _candidate(answer: Answer) -> Candidate:
    return Candidate(model=answer.model, inference_id=answer.inference_id)
