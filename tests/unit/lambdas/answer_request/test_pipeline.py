"""A chat is recorded before it is given back, however it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from lambdas.answer_request.answer import Answer
from meguru.api_errors import ApiError, QuotaExceeded
from meguru.chat_request import ChatRequest
from meguru.consumer import Consumer
from meguru.model_version import Answering

MESSAGES = [{"role": "user", "content": "元気?"}]


KEY = Consumer(name="key")


def answer(consumer: Consumer = KEY, **members: Any) -> Answer:
    body = {"model": "meguru-text", "messages": MESSAGES, **members}
    return Answer(request=ChatRequest.parse(json.dumps(body).encode()), consumer=consumer)


def test_completion_is_recorded(make_pipeline: Any, log: Any, completion: bytes) -> None:
    pipeline, _ = make_pipeline(completion)
    asked = answer()
    given = pipeline.complete(asked)
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
    make_pipeline: Any, log: Any, completion: bytes, attributes: str | None, answering: Answering
) -> None:
    given = make_pipeline(completion, attributes=attributes)[0].complete(answer())
    with make_pipeline(attributes=attributes)[0].stream(answer(stream=True)) as chunks:
        list(chunks)
    for record in log.records:
        assert Answering(record.model_package_arn, record.prompt_version) == answering
    assert len(log.records) == 2
    assert "system_fingerprint" not in given


def test_an_engine_may_say_little(make_pipeline: Any, log: Any) -> None:
    said = {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}
    make_pipeline(json.dumps(said).encode())[0].complete(answer())
    (record,) = log.records
    assert (record.answer, record.prompt_tokens) == ("", 0)


def test_nothing_is_given_back_unrecorded(make_pipeline: Any, log: Any, completion: bytes) -> None:
    log.error = RuntimeError("the table is gone")
    pipeline, _ = make_pipeline(completion)
    with pytest.raises(RuntimeError):
        pipeline.complete(answer())


def test_stream_in_any_cut(make_pipeline: Any, log: Any, stream_parts: tuple[bytes, ...]) -> None:
    content = b"".join(stream_parts)
    for size in (1, 7, len(content)):
        parts = [content[start : start + size] for start in range(0, len(content), size)]
        pipeline, runtime = make_pipeline(*parts)
        with pipeline.stream(answer(stream=True)) as chunks:
            texts = [one["choices"][0]["delta"]["content"] for one in chunks]
        assert texts == ["は", "い"]
        assert (log.records[-1].answer, log.records[-1].finish_reason) == ("はい", "stop")
        assert log.records[-1].completion_tokens == 2
        assert runtime.body.closed


@pytest.mark.parametrize("wanted", [True, False])
def test_usage_only_where_asked_for(make_pipeline: Any, log: Any, wanted: bool) -> None:
    pipeline, runtime = make_pipeline()
    asked = answer(stream=True, stream_options={"include_usage": wanted})
    with pipeline.stream(asked) as chunks:
        usages = [one["usage"] for one in chunks if "usage" in one]
    # Every chunk has the member where it is asked for (OpenAI's reference, "stream_options").
    said = {"prompt_tokens": 4, "completion_tokens": 2}
    assert usages == ([None, None, said] if wanted else [])
    assert runtime.asked[0]["stream_options"]["include_usage"] is True
    assert log.records[0].prompt_tokens == 4


def test_usage_so_far_where_asked_for(make_pipeline: Any) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    with make_pipeline()[0].stream(answer(stream=True, stream_options=options)) as chunks:
        assert [one["usage"]["completion_tokens"] for one in chunks] == [1, 2, 2]


@pytest.mark.parametrize("num_read", [0, 1])
def test_caller_who_leaves_is_recorded(make_pipeline: Any, log: Any, num_read: int) -> None:
    pipeline, runtime = make_pipeline()
    with pytest.raises(BrokenPipeError), pipeline.stream(answer(stream=True)) as chunks:
        for _ in range(num_read):
            next(chunks)
        raise BrokenPipeError
    (record,) = log.records
    assert record.finish_reason == "cancelled"
    assert record.answer == "は"[:num_read]
    assert record.completion_tokens == num_read
    assert runtime.body.closed


def test_stream_that_breaks_off(
    make_pipeline: Any, log: Any, stream_parts: tuple[bytes, ...]
) -> None:
    pipeline, runtime = make_pipeline(stream_parts[0], ConnectionError("gone"))
    with pytest.raises(ConnectionError), pipeline.stream(answer(stream=True)) as chunks:
        list(chunks)
    (record,) = log.records
    assert (record.finish_reason, record.answer) == ("error", "は")
    assert runtime.body.closed


def test_records_fit_json(make_pipeline: Any, log: Any, completion: bytes) -> None:
    make_pipeline(completion)[0].complete(answer())
    assert json.loads(json.dumps(log.records[0].as_dict()))["messages"] == MESSAGES


def test_a_model_of_others_is_refused_by_name(make_pipeline: Any, ledger: Any) -> None:
    pipeline, runtime = make_pipeline(ports={"ledger": ledger})
    stranger = Consumer(name="stranger", models=frozenset({"other"}))
    for asked, status in ((answer(stranger), 403), (answer(model="none"), 404)):
        with pytest.raises(ApiError) as refused:
            pipeline.complete(asked)
        assert (refused.value.status, refused.value.param) == (status, "model")
    assert ledger.calls == runtime.asked == []


def test_what_is_reserved_is_settled(make_pipeline: Any, ledger: Any, completion: bytes) -> None:
    pipeline, _ = make_pipeline(completion, ports={"ledger": ledger})
    asked = answer(max_tokens=8)
    pipeline.complete(asked)
    # 16 tokens of a template and 7 bytes at most, beside those that may be answered.
    reserved = ("reserve", "key", "meguru-text", 16 + len("元気?".encode()) + 8)
    assert ledger.calls == [reserved, ("settle", 4, 2, False)]
    assert asked.headers()["x-ratelimit-reset-requests"] == "13s"


def test_nothing_is_asked_that_has_no_budget(make_pipeline: Any, ledger: Any, log: Any) -> None:
    ledger.error = QuotaExceeded("Used up.")
    pipeline, runtime = make_pipeline(ports={"ledger": ledger})
    for stream in (False, True):
        with pytest.raises(QuotaExceeded):
            ask(pipeline, stream)
    assert runtime.asked == log.records == []


def ask(pipeline: Any, stream: bool) -> None:
    if not stream:
        pipeline.complete(answer())
        return
    with pipeline.stream(answer(stream=True)) as chunks:
        list(chunks)


@pytest.mark.parametrize(
    ("error", "settled"),
    [
        # Nothing was generated.
        (ClientError({"Error": {"Code": "ServiceUnavailable"}}, "x"), ("settle", 0, 0, False)),
        (ClientError({"Error": {"Code": "AccessDenied"}}, "x"), ("settle", 0, 0, False)),
        # The model may be at it still.
        (ReadTimeoutError(endpoint_url="x"), ("leave", 0, 0)),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_fails(
    make_pipeline: Any, ledger: Any, error: Exception, settled: Any, stream: bool
) -> None:
    pipeline, _ = make_pipeline(error=error, ports={"ledger": ledger})
    with pytest.raises((ApiError, ClientError)):
        ask(pipeline, stream)
    assert ledger.calls[1:] == [settled]


def test_a_stream_is_settled_however_it_ends(
    make_pipeline: Any, ledger: Any, stream_parts: tuple[bytes, ...]
) -> None:
    def make(*parts: Any) -> Any:
        return make_pipeline(*parts, ports={"ledger": ledger})[0]

    ask(make(), stream=True)
    with pytest.raises(BrokenPipeError), make().stream(answer(stream=True)) as chunks:
        next(chunks)
        raise BrokenPipeError
    with pytest.raises(ConnectionError):
        ask(make(stream_parts[0], ConnectionError("gone")), stream=True)
    with pytest.raises(ApiError):
        ask(make(stream_parts[0], b'data: {"error": {}}\n\n'), stream=True)
    settled = [call for call in ledger.calls if call[0] != "reserve"]
    assert settled == [
        ("settle", 4, 2, False),
        ("leave", 4, 1),
        ("leave", 4, 1),
        ("settle", 4, 1, False),
    ]


def test_an_answer_that_can_not_be_settled_is_given(
    make_pipeline: Any, ledger: Any, log: Any, completion: bytes
) -> None:
    def refuse(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems")

    ledger.settle = refuse
    pipeline, _ = make_pipeline(completion, ports={"ledger": ledger})
    assert pipeline.complete(answer())["choices"]
    assert len(log.records) == 1
