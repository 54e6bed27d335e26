"""A provider behind OpenAI's API: its answers and their times, its refusals by name."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli.compare.openai_chat import OpenAIChat
from cli.compare.reply import NoReply, gather
from tests.unit.cli.compare.endpoints import Endpoint, OpenAIHandler, serve

ASKED = [{"role": "user", "content": "締切は?"}]


def chat(endpoint: Endpoint, *, stream: bool = True, timeout_seconds: float = 5) -> OpenAIChat:
    return OpenAIChat(
        f"{endpoint.url}/v1", "m", "sk-1", {"max_tokens": 5},
        stream=stream, timeout_seconds=timeout_seconds,
    )  # fmt: skip


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_with_its_tokens(stream: bool) -> None:
    with serve(OpenAIHandler, answers={"締切は?": "10日です。"}) as endpoint:
        reply = chat(endpoint, stream=stream).ask(ASKED)
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("10日です。", 10, 6)
    assert (reply.first_seconds is not None) is stream
    [(path, headers, body)] = endpoint.requests
    assert headers["cache-control"] == "no-store"
    assert (path, headers["authorization"]) == ("/v1/chat/completions", "Bearer sk-1")
    assert (body["model"], body["max_tokens"], body["messages"]) == ("m", 5, ASKED)


def test_the_first_text_comes_before_the_end() -> None:
    with serve(OpenAIHandler, seconds=0.1) as endpoint:
        reply = chat(endpoint).ask(ASKED)
    assert reply.first_seconds is not None
    assert 0.1 <= reply.first_seconds < reply.seconds - 0.08


def test_tokens_that_nobody_counts_are_not_known() -> None:
    with serve(OpenAIHandler, counts_tokens=False) as endpoint:
        reply = chat(endpoint).ask(ASKED)
    assert (reply.input_tokens, reply.output_tokens) == (None, None)


def test_what_is_refused_for_the_moment_is_tried_again_when_asked_to() -> None:
    refusals = [(429, {"Retry-After": "0.2"}, b"{}"), (503, {"retry-after-ms": "10"}, b"")]
    with serve(OpenAIHandler, refusals=refusals) as endpoint:
        reply = chat(endpoint).ask(ASKED)
    assert (reply.num_retries, len(endpoint.requests)) == (2, 3)
    assert reply.seconds >= 0.2


@pytest.mark.parametrize(
    ("status", "content", "said", "is_final"),
    [
        (401, b'{"error": {"message": "Incorrect key sk-1"}}', "status 401", True),
        (404, b"", "status 404", True),
        (400, b'{"error": {"message": "Unsupported parameter: max_tokens"}}', "max_tokens", False),
    ],
)
def test_a_refusal_is_named(status: int, content: bytes, said: str, is_final: bool) -> None:
    refusals = [(status, {"Content-Type": "application/json"}, content)]
    with serve(OpenAIHandler, refusals=refusals) as endpoint, pytest.raises(NoReply) as raised:
        chat(endpoint).ask(ASKED)
    assert said in str(raised.value)
    assert raised.value.is_final is is_final
    assert "sk-1" not in str(raised.value)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("raw", [b"{}", b"[]", b"<html>", b'{"choices": []}', b"3", b""])
def test_what_is_no_completion_is_no_answer(raw: bytes, stream: bool) -> None:
    with serve(OpenAIHandler, raw=raw) as endpoint, pytest.raises(NoReply, match="response"):
        chat(endpoint, stream=stream).ask(ASKED)


@pytest.mark.parametrize(
    ("message", "usage", "text"),
    [
        ({"content": None}, {"prompt_tokens": None, "completion_tokens": 3}, ""),
        ({"content": "a"}, {"prompt_tokens": "many", "completion_tokens": 3}, "a"),
        ({"content": "a"}, None, "a"),
    ],
)
def test_tokens_that_are_no_number_are_not_known(
    message: dict[str, Any], usage: Any, text: str
) -> None:
    raw = json.dumps({"choices": [{"message": message}], "usage": usage}).encode()
    with serve(OpenAIHandler, raw=raw) as endpoint:
        reply = chat(endpoint, stream=False).ask(ASKED)
    assert (reply.text, reply.input_tokens) == (text, None)


def test_an_answer_without_text_is_none() -> None:
    raw = json.dumps({"choices": [{"message": {"content": [1]}}]}).encode()
    with serve(OpenAIHandler, raw=raw) as endpoint, pytest.raises(NoReply, match="no chat compl"):
        chat(endpoint, stream=False).ask(ASKED)


def test_a_stream_without_an_end_is_left() -> None:
    def parts() -> Iterator[str]:
        while True:
            yield "a"

    times = itertools.count()
    with pytest.raises(NoReply, match="no whole answer within 10 s"):
        gather(parts(), 0, 0, 10, lambda: float(next(times)))


def test_an_answer_that_breaks_off_is_none() -> None:
    with serve(OpenAIHandler, breaks_off=True) as endpoint, pytest.raises(NoReply) as raised:
        chat(endpoint).ask(ASKED)
    assert "broke off" in str(raised.value) or "can't be reached" in str(raised.value)


def test_one_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.compare.openai_chat.NUM_RETRIES", 0)
    with (
        serve(OpenAIHandler, seconds=1) as endpoint,
        pytest.raises(NoReply, match=r"in time|broke"),
    ):
        chat(endpoint, timeout_seconds=0.1).ask(ASKED)


def test_one_that_is_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.compare.openai_chat.NUM_RETRIES", 0)
    nowhere: dict[str, Any] = {"stream": True, "timeout_seconds": 1}
    with pytest.raises(NoReply, match="can't be reached"):
        OpenAIChat("http://127.0.0.1:1/v1", "m", "", {}, **nowhere).ask(ASKED)
