"""A chat is recorded before it is given back, however it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.answer_chat.chat import Answer, Chat
from meguru.chat_request import ChatRequest
from meguru.model_version import Answering

MESSAGES = [{"role": "user", "content": "元気?"}]


def answer(**members: Any) -> Answer:
    body = {"model": "meguru-text", "messages": MESSAGES, **members}
    return Answer(request=ChatRequest.parse(json.dumps(body).encode()), consumer="key")


def test_completion_is_recorded(make_chat: Any, log: Any, completion: bytes) -> None:
    chat, _ = make_chat(completion)
    asked = answer()
    given = chat.complete(asked)
    (record,) = log.records
    assert given["id"] == record.inference_id == asked.inference_id
    assert given["model"] == record.model == "meguru-text"
    assert (record.answer, record.finish_reason, record.consumer) == ("はい", "stop", "key")
    assert (record.prompt_tokens, record.completion_tokens) == (4, 2)


@pytest.mark.parametrize(
    ("attributes", "answering"),
    [
        ("model-version=arn:p/group/3", Answering("arn:p/group/3")),
        ("model-version=arn:p/group/3;prompt-version=0a", Answering("arn:p/group/3", "0a")),
        ("trace=1", Answering()),
        (None, Answering()),
    ],
)
def test_the_model_version_is_recorded_where_the_engine_names_one(
    make_chat: Any, log: Any, completion: bytes, attributes: str | None, answering: Answering
) -> None:
    given = make_chat(completion, attributes=attributes)[0].complete(answer())
    with make_chat(attributes=attributes)[0].stream(answer(stream=True)) as chunks:
        list(chunks)
    for record in log.records:
        assert Answering(record.model_package_arn, record.prompt_version) == answering
    assert len(log.records) == 2
    assert "system_fingerprint" not in given


def test_an_engine_may_say_little(make_chat: Any, log: Any) -> None:
    said = {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}
    make_chat(json.dumps(said).encode())[0].complete(answer())
    (record,) = log.records
    assert (record.answer, record.prompt_tokens) == ("", 0)


def test_nothing_is_given_back_unrecorded(make_chat: Any, log: Any, completion: bytes) -> None:
    log.error = RuntimeError("the table is gone")
    chat, _ = make_chat(completion)
    with pytest.raises(RuntimeError):
        chat.complete(answer())


def test_stream_in_any_cut(make_chat: Any, log: Any, stream_parts: tuple[bytes, ...]) -> None:
    content = b"".join(stream_parts)
    for size in (1, 7, len(content)):
        parts = [content[start : start + size] for start in range(0, len(content), size)]
        chat, runtime = make_chat(*parts)
        with chat.stream(answer(stream=True)) as chunks:
            texts = [one["choices"][0]["delta"]["content"] for one in chunks]
        assert texts == ["は", "い"]
        assert (log.records[-1].answer, log.records[-1].finish_reason) == ("はい", "stop")
        assert log.records[-1].completion_tokens == 2
        assert runtime.body.closed


@pytest.mark.parametrize("wanted", [True, False])
def test_usage_only_where_asked_for(make_chat: Any, log: Any, wanted: bool) -> None:
    chat, runtime = make_chat()
    asked = answer(stream=True, stream_options={"include_usage": wanted})
    with chat.stream(asked) as chunks:
        usages = [one["usage"] for one in chunks if "usage" in one]
    # Every chunk has the member where it is asked for (OpenAI's reference, "stream_options").
    said = {"prompt_tokens": 4, "completion_tokens": 2}
    assert usages == ([None, None, said] if wanted else [])
    assert runtime.asked[0]["stream_options"]["include_usage"] is True
    assert log.records[0].prompt_tokens == 4


def test_usage_so_far_where_asked_for(make_chat: Any) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    with make_chat()[0].stream(answer(stream=True, stream_options=options)) as chunks:
        assert [one["usage"]["completion_tokens"] for one in chunks] == [1, 2, 2]


@pytest.mark.parametrize("num_read", [0, 1])
def test_caller_who_leaves_is_recorded(make_chat: Any, log: Any, num_read: int) -> None:
    chat, runtime = make_chat()
    with pytest.raises(BrokenPipeError), chat.stream(answer(stream=True)) as chunks:
        for _ in range(num_read):
            next(chunks)
        raise BrokenPipeError
    (record,) = log.records
    assert record.finish_reason == "cancelled"
    assert record.answer == "は"[:num_read]
    assert record.completion_tokens == num_read
    assert runtime.body.closed


def test_stream_that_breaks_off(make_chat: Any, log: Any, stream_parts: tuple[bytes, ...]) -> None:
    chat, runtime = make_chat(stream_parts[0], ConnectionError("gone"))
    with pytest.raises(ConnectionError), chat.stream(answer(stream=True)) as chunks:
        list(chunks)
    (record,) = log.records
    assert (record.finish_reason, record.answer) == ("error", "は")
    assert runtime.body.closed


def test_records_fit_json(make_chat: Any, log: Any, completion: bytes) -> None:
    chat: Chat = make_chat(completion)[0]
    chat.complete(answer())
    assert json.loads(json.dumps(log.records[0].as_dict()))["messages"] == MESSAGES
