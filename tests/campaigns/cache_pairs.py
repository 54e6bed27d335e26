"""Pairs of requests that differ in one thing: neither is ever given the other's answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lambdas.answer_request.cache_store import CacheStore
from lambdas.answer_request.caching import Caching, Key
from lambdas.answer_request.single_flight import SingleFlight
from meguru.cache_key import Version, cache_key
from meguru.chat_request import ChatRequest
from meguru.completion_request import CompletionRequest
from meguru.consumer import Consumer
from meguru.model_version import Answering
from meguru.request import Request

Body = dict[str, Any]
TEXTS = (
    "はい",
    "はい。",
    "ハイ",
    "ﾊｲ",
    "はい ",
    "1",
    "１",
    "①",
    "yes",
    "Yes",
    "",
    "\u200b",
    "[]",
    '"',
)


@dataclass(frozen=True)
class Asked:
    """All that an answer depends on."""

    consumer: str
    version: Version
    body: Body

    @property
    def request(self) -> Request:
        content = json.dumps(self.body).encode()
        kind = CompletionRequest if "prompt" in self.body else ChatRequest
        return kind.parse(content)


class CachePairs:
    """Each trial keeps the answer to one, and asks for another and for the first again."""

    def __init__(self, store: CacheStore, seed: int, key: Key = cache_key) -> None:
        self._key = key
        self._random = random.Random(seed)
        self._flights = SingleFlight(store, 60)

    def trial(self, number: int) -> list[str]:
        """What was wrong: an answer that crossed, or one that was not found again."""
        first = self._asked(number)
        name, second = self._other(first)
        made = {"choices": [], "answer": number}
        assert self._found(first, made) is None
        faults = []
        if (crossed := self._found(second)) is not None:
            faults.append(f"{name}: {second} was given the answer {crossed} to {first}")
        if self._found(replace(first, body={**first.body, "stream": True})) != made:
            faults.append(f"the same request did not find its answer: {first}")
        return faults

    def _found(self, asked: Asked, made: Body | None = None) -> Body | None:
        serving = Caching(self._flights, lambda _: asked.version, self._key)
        with serving.place(Consumer(name=asked.consumer), asked.request) as place:
            if made and place.found is None:
                place.keep(Answering(asked.version.model), made)
            return place.found.completion if place.found else None

    def _asked(self, number: int) -> Asked:
        """Another than in any other trial."""
        body: Body = {"model": "m", **self._sampling()}
        body |= self._random.choice((self._chat, self._text))(number)
        version = Version(f"arn:aws:package/{self._digits()}", f"release-{self._digits()}")
        return Asked(self._random.choice(("app", "app-2", "経理")), version, body)

    def _chat(self, number: int) -> Body:
        system = {"role": "system", "content": f"{self._text_()} {number}"}
        question = {"role": "user", "content": f"{self._text_()}?"}
        return {"messages": [system, question]}

    def _text(self, number: int) -> Body:
        return {"prompt": f"{self._text_()} {number}"}

    def _sampling(self) -> Body:
        given = {
            # Not 16, which a text completion without has as well.
            "max_tokens": self._random.randint(17, 99),
            "temperature": self._random.choice((0, 0.5, 1)),
            "top_p": self._random.choice((0.1, 0.9)),
            "seed": self._random.randint(-9, 9),
            "stop": [self._text_() or "a"],
            "n": self._random.randint(2, 9),
            "frequency_penalty": self._random.choice((0.5, 1)),
            "presence_penalty": self._random.choice((0.5, 1)),
            "logit_bias": {str(self._random.randint(0, 9)): 1},
        }
        return {name: value for name, value in given.items() if self._random.random() < 0.5}

    def _other(self, first: Asked) -> tuple[str, Asked]:
        """The same but for one thing, by its name."""
        changes: dict[str, Callable[[], Asked]] = {
            "consumer": lambda: replace(first, consumer=first.consumer + "-2"),
            "version": lambda: replace(
                first, version=replace(first.version, model=first.version.model + "1")
            ),
            "release": lambda: replace(
                first, version=replace(first.version, release=first.version.release + "1")
            ),
            "index": lambda: replace(first, version=replace(first.version, index="1")),
        }
        members = [*first.body.keys() - {"messages", "prompt"}, "text"]
        members += ["response_format"] if "messages" in first.body else []
        name = self._random.choice(sorted((*changes, *members)))
        if name in changes:
            return name, changes[name]()
        return name, replace(first, body=self._changed(first.body, name))

    def _changed(self, body: Body, name: str) -> Body:
        if name == "response_format":
            return {**body, name: {"type": "json_object"}}
        if name == "text" and "prompt" in body:
            return {**body, "prompt": body["prompt"] + self._random.choice(TEXTS[:10])}
        if name == "text":
            *before, last = body["messages"]
            content = last["content"] + self._random.choice((" ", "?", "？", "\u200b"))
            return {**body, "messages": [*before, {**last, "content": content}]}
        if self._random.random() < 0.3 and name != "model":
            return {one: value for one, value in body.items() if one != name}
        return {**body, name: _changed_value(body[name])}

    def _text_(self) -> str:
        return self._random.choice(TEXTS)

    def _digits(self) -> str:
        return f"{self._random.randint(0, 99)}"


def _changed_value(value: Any) -> Any:
    if isinstance(value, str):
        return value + "2"
    if isinstance(value, list):
        return [*value, "b"]
    if isinstance(value, Mapping):
        return {name: one + 1 for name, one in value.items()}
    return value + 1 if isinstance(value, int) else value / 2


def _without(member: str) -> Key:
    def key(consumer: str, version: Version, kind: str, body: Mapping[str, Any]) -> str:
        rest = {name: value for name, value in body.items() if name != member}
        return cache_key(consumer, version, kind, rest)

    return key


# What a key might lack.
PLANTED: dict[str, Key] = {
    "consumer": lambda consumer, *rest: cache_key("", *rest),
    "version": lambda consumer, version, *rest: cache_key(consumer, Version("", ""), *rest),
    "release": lambda consumer, version, *rest: cache_key(
        consumer, replace(version, release=""), *rest
    ),
    **{name: _without(name) for name in ("messages", "seed", "stop", "n", "response_format")},
}
