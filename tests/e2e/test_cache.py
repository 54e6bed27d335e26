"""The same request in a short time is answered from the cache, as JSON and as a stream."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
import requests

from tests.e2e.loop_cloud import MODEL, LoopCloud
from tests.e2e.test_api import send

CACHED = {"cache-control": "max-age=300"}


@pytest.fixture
def body() -> dict[str, Any]:
    """A request that nobody has asked yet."""
    question = f"{uuid.uuid4().hex} の締切は?"
    messages = [{"role": "user", "content": question}]
    return {"model": MODEL, "messages": messages, "max_tokens": 8, "temperature": 1}


def said(answer: requests.Response) -> str:
    """The text of a completion, or of a stream's chunks."""
    if answer.headers["content-type"].startswith("application/json"):
        return str(answer.json()["choices"][0]["message"]["content"])
    events = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_an_answer_is_repeated(cloud: LoopCloud, body: dict[str, Any]) -> None:
    asked = [body, body, {**body, "stream": True}]
    first, second, third = [send(cloud, "POST", "chat/completions", one, **CACHED) for one in asked]
    answers = (first, second, third)
    assert [one.headers["x-cache"] for one in answers] == ["miss", "hit", "hit"]
    first.encoding = second.encoding = third.encoding = "utf-8"
    assert said(first) == said(second) == said(third)
    # Each is an answer of its own, with a record of its own.
    ids = [one.headers["x-inference-id"] for one in answers]
    records = {one["inference_id"]["S"]: one for one in cloud.items("Inference")}
    assert [records[one]["cached"]["BOOL"] for one in ids] == [False, True, True]
    assert {records[one]["model_package_arn"]["S"] for one in ids} == {cloud.serving()}


def test_what_is_asked_otherwise_is_made_anew(cloud: LoopCloud, body: dict[str, Any]) -> None:
    send(cloud, "POST", "chat/completions", body, **CACHED)
    key = cloud.create_key(f"cache-{uuid.uuid4().hex[:8]}")
    others = [
        send(cloud, "POST", "chat/completions", {**body, "seed": 1}, **CACHED),
        send(cloud, "POST", "chat/completions", body, **{"cache-control": "no-cache"}),
        # Another consumer.
        send(cloud, "POST", "chat/completions", body, **CACHED, authorization=f"Bearer {key}"),
    ]
    assert [one.status_code for one in others] == [200] * 3
    assert [one.headers["x-cache"] for one in others] == ["miss"] * 3
