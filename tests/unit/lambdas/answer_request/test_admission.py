"""What the API asks of a request beyond its form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from lambdas.answer_request.admission import MAX_BODY_BYTES, admit
from meguru.api_errors import ApiError

USER = {"role": "user", "content": "こんにちは"}


def body(**members: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **members}).encode()


@pytest.mark.parametrize(
    ("content", "status", "code", "param"),
    [
        (body(model=None), 400, "missing_required_parameter", "model"),
        (body(model=""), 400, "missing_required_parameter", "model"),
        (body(messages=None), 400, "missing_required_parameter", "messages"),
        (body(model=["m"]), 400, "invalid_type", "model"),
        (body(user="x" * MAX_BODY_BYTES), 413, "request_too_large", None),
        (body(temperature="hot"), 400, "invalid_type", "temperature"),
    ],
)
def test_refused(content: bytes, status: int, code: str, param: str | None) -> None:
    with pytest.raises(ApiError) as refusal:
        admit("/v1/chat/completions", content)
    error = refusal.value
    assert (error.status, error.code, error.param) == (status, code, param)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache": 0.5}]},
        {"role": "user", "content": "😀\u0000\u2028", "name": "n"},
    ],
)
def test_messages_can_be_kept_in_a_table(message: dict[str, Any]) -> None:
    messages = admit("/v1/chat/completions", body(messages=[message])).messages
    TypeSerializer().serialize(messages)
    assert set(messages[0]) == {"role", "content"}


def test_each_path_has_its_kind() -> None:
    text = json.dumps({"model": "m", "prompt": "締切は"}).encode()
    assert admit("/v1/completions", text).id_prefix == "cmpl-"
    with pytest.raises(ApiError) as refusal:
        admit("/v1/completions", body())
    assert refusal.value.param == "messages"
    with pytest.raises(ApiError) as refusal:
        admit("/v1/chat", body())
    assert (refusal.value.status, refusal.value.code) == (404, "unknown_url")
