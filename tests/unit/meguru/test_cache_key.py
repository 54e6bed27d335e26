"""Whatever an answer depends on is in its key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meguru.cache_key import Version, cache_key
from meguru.chat_request import ChatRequest
from meguru.completion_request import CompletionRequest

VERSION = Version("arn:p/group/3", "meguru-poc--text-0a")
BODY = {"model": "text", "messages": [{"role": "user", "content": "元気?"}], "temperature": 0.5}


def key(
    body: dict[str, Any], consumer: str = "app", version: Version = VERSION, kind: str = "chatcmpl-"
) -> str:
    return cache_key(consumer, version, kind, body)


def test_the_same_has_the_same_key() -> None:
    assert key(BODY) == key(json.loads(json.dumps(BODY)))
    assert len(key(BODY)) == 64


@pytest.mark.parametrize("sending", [{"stream": True}, {"stream_options": {"include_usage": True}}])
def test_how_an_answer_is_sent_changes_nothing(sending: dict[str, Any]) -> None:
    assert key(BODY | sending) == key(BODY)


@pytest.mark.parametrize(
    "other",
    [
        {"consumer": "app2"},
        {"version": Version("arn:p/group/4", VERSION.release)},
        {"version": Version(VERSION.model, "meguru-poc--text-0b")},
        {"version": Version(VERSION.model, VERSION.release, "index-1")},
        {"kind": "cmpl-"},
        # What parts are is not to be had by moving their ends.
        {"consumer": "ap", "version": Version("p" + VERSION.model, VERSION.release)},
    ],
)
def test_who_asks_and_what_answers_change_it(other: dict[str, Any]) -> None:
    assert key(BODY, **other) != key(BODY)


MEMBERS: dict[str, list[Any]] = {
    "model": ["a", "b"],
    "messages": [
        [{"role": "user", "content": text}] for text in ("元気?", "元気？", "元気? ", "元気")
    ]
    + [[{"role": "system", "content": "元気?"}, {"role": "user", "content": "元気?"}]],
    "max_tokens": [1, 2],
    "temperature": [0, 1, 1.5],
    "top_p": [0.1, 1],
    "seed": [0, 1, -1],
    "stop": [["a"], ["a", "b"], ["b", "a"]],
    "n": [2, 3],
    "frequency_penalty": [1, 2],
    "presence_penalty": [1, 2],
    "logit_bias": [{"1": 5}, {"1": 6}, {"2": 5}],
    "logprobs": [True],
    "response_format": [
        {"type": "json_object"},
        # An answer's members come in the schema's order.
        *(
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"properties": names}}}
            for names in (dict.fromkeys("ab", True), dict.fromkeys("ba", True))
        ),
    ],
    "tools": [
        [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}]
        for name in ("a", "b")
    ],
}


def test_every_parameter_that_changes_an_answer_changes_it() -> None:
    base = {"model": "m", "messages": [{"role": "user", "content": "q"}]}
    bodies = [base] + [base | {name: one} for name, all_ in MEMBERS.items() for one in all_]
    requests = [ChatRequest.parse(json.dumps(body).encode()) for body in bodies]
    keys = {key(request.body()) for request in requests}
    assert len(keys) == len(bodies)
    text = CompletionRequest.parse(b'{"model": "m", "prompt": "q"}')
    assert key(text.body()) not in keys
