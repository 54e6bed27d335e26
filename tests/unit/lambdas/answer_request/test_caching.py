"""Answers that were made before, by a pipeline over a cache in this process."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from lambdas.answer_request.answer import Answer
from lambdas.answer_request.caching import Caching
from lambdas.answer_request.ports import CachedAnswer
from meguru.chat_request import ChatRequest
from meguru.consumer import Consumer
from meguru.model_version import Answering

VERSION = Answering("arn:p/group/3", "0a")


class FakeLead:
    def __init__(self, cache: FakeCache, key: str) -> None:
        self._cache, self._key = cache, key

    def give_up(self) -> None:
        self._cache.leading.pop(self._key).set()


class FakeCache:
    """A cache of one process, in which one leads and the others wait."""

    def __init__(self) -> None:
        self.answers: dict[str, CachedAnswer] = {}
        self.leading: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> CachedAnswer | None:
        return self.answers.get(key)

    def put(self, key: str, answer: CachedAnswer, seconds: int) -> None:
        assert seconds == 300
        self.answers[key] = answer
        self.leading.pop(key).set()

    def lead(self, key: str, seconds: int) -> FakeLead | None:
        with self._lock:
            if key in self.leading:
                return None
            self.leading[key] = threading.Event()
        return FakeLead(self, key)

    def wait(self, key: str) -> CachedAnswer | None:
        event = self.leading.get(key)
        if event:
            assert event.wait(5)
        return self.answers.get(key)


def key(consumer: Consumer, answering: Answering, request: Any) -> str | None:
    said = {name: value for name, value in request.body().items() if "stream" not in name}
    return None if request.temperature else f"{consumer.name} {answering} {json.dumps(said)}"


@pytest.fixture
def cache() -> FakeCache:
    return FakeCache()


@pytest.fixture
def make(make_pipeline: Any, cache: FakeCache) -> Any:
    def make(*parts: Any, serving: Answering | None = VERSION, **ports: Any) -> Any:
        caching = Caching(cache, lambda _: serving, key, 300)
        attributes = VERSION.attributes()
        return make_pipeline(*parts, attributes=attributes, ports={"caching": caching, **ports})

    return make


def answer(name: str = "key", content: str = "元気?", **members: Any) -> Answer:
    body = {"model": "meguru-text", "messages": [{"role": "user", "content": content}], **members}
    return Answer(ChatRequest.parse(json.dumps(body).encode()), Consumer(name=name))


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
    assert {one.model_package_arn for one in log.records} == {VERSION.model_version}
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
        ({}, Answering("arn:p/group/4", "0a")),
        ({}, Answering("arn:p/group/3", "0b")),
        ({}, None),
    ],
)
def test_anything_else_is_asked(
    make: Any, completion: bytes, other: dict[str, Any], serving: Answering | None
) -> None:
    make(completion)[0].complete(answer())
    pipeline, runtime = make(completion, serving=serving)
    pipeline.complete(answer(**other))
    assert len(runtime.asked) == 1


def test_an_answer_of_another_version_is_not_kept(
    make: Any, completion: bytes, cache: FakeCache
) -> None:
    """As in a release: the one that is known to serve is not the one that answered."""
    pipeline, _ = make(completion, serving=Answering("arn:p/group/2"))
    pipeline.complete(answer())
    assert not cache.answers and not cache.leading


def test_who_fails_or_leaves_lets_another_lead(
    make: Any, cache: FakeCache, stream_parts: tuple[bytes, ...]
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
    assert not cache.answers and not cache.leading


def test_who_asks_at_once_waits_for_one_answer(
    make: Any, cache: FakeCache, log: Any, completion: bytes
) -> None:
    pipeline, runtime = make(completion)
    lead = cache.lead(next_key := key(Consumer(name="key"), VERSION, answer().request) or "", 1)
    assert lead and next_key
    waiting = [threading.Thread(target=pipeline.complete, args=[answer()]) for _ in range(8)]
    for thread in waiting:
        thread.start()
    assert runtime.asked == []
    # The one they wait for is gone: one of them takes its place.
    lead.give_up()
    for thread in waiting:
        thread.join(5)
    assert len(runtime.asked) == 1
    assert sorted(one.cached for one in log.records) == [False] + [True] * 7
