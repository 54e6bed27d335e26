"""Answers that were made before, by a pipeline over a cache in this process."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from lambdas.answer_request.answer import Answer
from lambdas.answer_request.caching import Caching
from lambdas.answer_request.single_flight import SingleFlight
from meguru.api_errors import ApiError
from meguru.cache_key import Version, cache_key
from meguru.chat_request import ChatRequest
from meguru.consumer import Consumer
from meguru.model_version import Answering
from tests.unit.lambdas.answer_request.memory_store import MemoryStore

ANSWERING = Answering("arn:p/group/3", "0a")
VERSION = Version("arn:p/group/3", "release-3")


@pytest.fixture
def cache() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def make(make_pipeline: Any, cache: MemoryStore) -> Any:
    def make(*parts: Any, serving: Version | None = VERSION, **ports: Any) -> Any:
        caching = Caching(SingleFlight(cache, 300), lambda _: serving)
        attributes = ANSWERING.attributes()
        return make_pipeline(*parts, attributes=attributes, ports={"caching": caching, **ports})

    return make


def answer(name: str = "key", content: str = "元気?", control: str = "", **members: Any) -> Answer:
    body = {"model": "meguru-text", "messages": [{"role": "user", "content": content}], **members}
    request = ChatRequest.parse(json.dumps(body).encode())
    return Answer(request, Consumer(name=name), cache_control=control)


def streamed(pipeline: Any, asked: Answer) -> str:
    with pipeline.stream(asked) as chunks:
        deltas = [one["choices"][0]["delta"] for one in chunks if one["choices"]]
    return "".join(one.get("content") or "" for one in deltas)


def test_the_same_again_is_not_asked_again(
    make: Any, completion: bytes, log: Any, ledger: Any
) -> None:
    pipeline, runtime = make(completion, ledger=ledger)
    first, second = answer(), answer()
    given = [pipeline.complete(one) for one in (first, second)]
    assert [one["choices"] for one in given] == [given[0]["choices"]] * 2
    assert [one["id"] for one in given] == [first.inference_id, second.inference_id]
    assert streamed(pipeline, answer(stream=True)) == "はい"
    assert len(runtime.asked) == 1
    # It is recorded as what it is, and charged by its own rule.
    assert [(one.cached, one.answer, one.finish_reason) for one in log.records] == [
        (False, "はい", "stop"),
        (True, "はい", "stop"),
        (True, "はい", "stop"),
    ]
    assert {one.model_package_arn for one in log.records} == {ANSWERING.model_version}
    assert [call[0] for call in ledger.calls] == ["reserve", "settle", "cached", "cached"]
    assert ledger.calls[-1] == ("cached", "key", "meguru-text", 6)
    assert [one.headers()["x-cache"] for one in (first, second)] == ["miss", "hit"]


def test_what_was_streamed_is_given_whole(make: Any, log: Any) -> None:
    pipeline, runtime = make()
    assert streamed(pipeline, answer(stream=True)) == "はい"
    again = pipeline.complete(answer())
    assert again["choices"][0]["message"]["content"] == "はい"
    assert again["usage"] == {"prompt_tokens": 4, "completion_tokens": 2}
    usage = {"include_usage": True}
    with pipeline.stream(answer(stream=True, stream_options=usage)) as chunks:
        assert list(chunks)[-1]["usage"]["completion_tokens"] == 2
    assert len(runtime.asked) == 1


@pytest.mark.parametrize(
    ("other", "serving"),
    [
        ({"name": "other"}, VERSION),
        ({"content": "元気"}, VERSION),
        ({"max_tokens": 1}, VERSION),
        ({"temperature": 1}, VERSION),
        ({"control": "no-cache"}, VERSION),
        ({"control": "max-age=0, No-Store"}, VERSION),
        ({}, Version("arn:p/group/4", "release-3")),
        ({}, Version("arn:p/group/3", "release-4")),
        ({}, None),
    ],
)
def test_anything_else_is_asked(
    make: Any, completion: bytes, other: dict[str, Any], serving: Version | None
) -> None:
    make(completion)[0].complete(answer())
    pipeline, runtime = make(completion, serving=serving)
    pipeline.complete(answer(**other))
    assert len(runtime.asked) == 1


def test_an_answer_of_another_version_is_not_kept(
    make: Any, completion: bytes, cache: MemoryStore
) -> None:
    """As in a release: the one that is known to serve is not the one that answered."""
    pipeline, _ = make(completion, serving=Version("arn:p/group/2", "release-2"))
    pipeline.complete(answer())
    assert not cache.answers and not cache.leaders


def test_who_fails_or_leaves_lets_another_lead(
    make: Any, cache: MemoryStore, stream_parts: tuple[bytes, ...]
) -> None:
    pipeline, _ = make()
    with pytest.raises(BrokenPipeError), pipeline.stream(answer(stream=True)) as chunks:
        next(chunks)
        raise BrokenPipeError
    pipeline, _ = make(stream_parts[0], ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        streamed(pipeline, answer(stream=True))
    # Nor is one kept that ends without its end.
    streamed(make(stream_parts[0])[0], answer(stream=True))
    assert not cache.answers and not cache.leaders


def test_an_answer_made_anew_is_kept(make: Any, completion: bytes, cache: MemoryStore) -> None:
    pipeline, runtime = make(completion)
    pipeline.complete(answer(control="no-store"))
    assert not cache.answers
    pipeline.complete(answer(control="no-cache"))
    assert len(runtime.asked) == 2
    assert pipeline.complete(answer())["choices"] and len(runtime.asked) == 2


def test_who_may_spend_nothing_more_lets_another_lead(
    make: Any, cache: MemoryStore, ledger: Any, completion: bytes
) -> None:
    pipeline, _ = make(completion, ledger=ledger)
    ledger.error = ApiError(429, "no", code="insufficient_quota")
    with pytest.raises(ApiError):
        pipeline.complete(answer())
    assert not cache.leaders


def test_who_asks_at_once_waits_for_one_answer(
    make: Any, cache: MemoryStore, log: Any, completion: bytes
) -> None:
    pipeline, runtime = make(completion)
    body = answer().request.body()
    key = cache_key("key", VERSION, "chatcmpl-", body)
    cache.lead(key, "another", 60)
    waiting = [threading.Thread(target=pipeline.complete, args=[answer()]) for _ in range(8)]
    for thread in waiting:
        thread.start()
    time.sleep(0.05)
    assert runtime.asked == []
    # The one they wait for gives up: one of them takes its place.
    cache.give_up(key, "another")
    for thread in waiting:
        thread.join(5)
    assert len(runtime.asked) == 1
    assert sorted(one.cached for one in log.records) == [False] + [True] * 7
