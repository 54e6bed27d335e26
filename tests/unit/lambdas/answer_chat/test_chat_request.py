"""Hostile bodies: each is refused with a 4xx, and what passes can be sent on and kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from lambdas.answer_chat.chat_request import MAX_BODY_BYTES, parse_chat_request
from meguru.api_errors import ApiError

USER = {"role": "user", "content": "こんにちは"}


def body(**members: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **members}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"model": "\xff"}',
        b'{"model": "m", "messages": ' + b"[" * 100_000,
        b"[" * 900 + b"]" * 900,
        body(temperature=float("nan")),
        body(temperature=float("inf")),
        body().replace(b"}]", b'}], "temperature": 1e999'),
        body().replace(b"}]", b'}], "seed": ' + b"9" * 5000),
        body(messages=[{"role": "user", "content": "\ud800"}]),
        body(metadata={"\udfff": "key"}),
        body(model="\ud800"),
        body(stream=1),
        body(stream="true"),
        body(stream=True, stream_options=[]),
        body(stream=True, stream_options={"what": 1}),
        body(stream=True, stream_options={"include_usage": "yes"}),
        body(stream_options={}),
        body(messages=[]),
        body(messages={}),
        body(messages=None),
        body(messages=["hello"]),
        body(messages=[{"role": [], "content": "a"}]),
        body(messages=[{"role": "tool", "content": "a"}]),
        body(messages=[{"role": "user"}]),
        body(messages=[{"role": "user", "content": ""}]),
        body(messages=[{"role": "user", "content": []}]),
        body(messages=[{"role": "user", "content": 5}]),
        body(messages=[{"role": "user", "content": ["text"]}]),
        body(messages=[{"role": "user", "content": [{"type": "text"}]}]),
        body(messages=[{"role": "user", "content": [{"type": "text", "text": 1}]}]),
        body(messages=[{"role": "user", "content": [{"type": "image_url", "text": "a"}]}]),
        body(model=None),
        body(model=["m"]),
        body(model="other"),
        body(user="x" * MAX_BODY_BYTES),
    ],
)
def test_refused(content: bytes) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_chat_request(content, ["m", "n"])
    assert 400 <= refusal.value.status < 500
    json.dumps(refusal.value.body(), ensure_ascii=False).encode()


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_answered(content: bytes) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_chat_request(content, ["m", "n"])
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"model": "m", "messages": "締切"}'.encode("cp932"), "not UTF-8"),
        (body(messages=[{"role": "user", "content": "\ud800"}]), "not valid Unicode"),
        (b"{", "not valid JSON"),
    ],
)
def test_what_is_wrong_with_the_text_is_said(content: bytes, said: str) -> None:
    with pytest.raises(ApiError, match=said):
        parse_chat_request(content, ["m", "n"])


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_what_others_than_the_user_said_may_be_empty(role: str) -> None:
    messages = [{"role": role, "content": ""}, USER]
    assert parse_chat_request(body(messages=messages), ["m", "n"]).messages == messages


@pytest.mark.parametrize("members", [{"stream": None}, {"stream_options": None}, {"stream": False}])
def test_null_is_as_left_out(members: dict[str, Any]) -> None:
    assert parse_chat_request(body(**members), ["m", "n"]).stream is False


def test_of_a_member_given_twice_the_last_counts() -> None:
    content = body().replace(b'"model": "m"', b'"model": "other", "model": "m"')
    assert parse_chat_request(content, ["m", "n"]).body["model"] == "m"


@pytest.mark.parametrize(
    "message",
    [
        USER | {"weight": 0.5, "deep": {"a": [1.5]}},
        {"role": "user", "content": [{"type": "text", "text": "a", "cache": 0.5}]},
        {"role": "developer", "content": "😀\u0000\u2028"},
    ],
)
def test_messages_can_be_kept_in_a_table(message: dict[str, Any]) -> None:
    messages = parse_chat_request(body(messages=[message]), ["m", "n"]).messages
    TypeSerializer().serialize(messages)
    assert messages[0]["role"] == message["role"]
