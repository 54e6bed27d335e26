"""A chat is recorded before it is given back, however it ends."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from lambdas.answer_request.answer import Answer
from meguru.api_errors import ApiError
from meguru.chat_request import ChatRequest
from meguru.consumer import Consumer
from meguru.model_version import Answering
from meguru.usage_report import reservation_of
from meguru.verdict import Verdict

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
    assert ledger.calls == [reserved, ("settle", 4, 2)]
    assert asked.headers()["x-ratelimit-reset-requests"] == "13s"


def test_nothing_is_asked_that_has_no_budget(make_pipeline: Any, ledger: Any, log: Any) -> None:
    ledger.error = ApiError(429, "Used up.", code="insufficient_quota")
    pipeline, runtime = make_pipeline(ports={"ledger": ledger})
    for stream in (False, True):
        with pytest.raises(ApiError):
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
        (ClientError({"Error": {"Code": "ServiceUnavailable"}}, "x"), [("settle", 0, 0)]),
        (ClientError({"Error": {"Code": "AccessDenied"}}, "x"), [("settle", 0, 0)]),
        # The model may be at it still.
        (ReadTimeoutError(endpoint_url="x"), []),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_fails(
    make_pipeline: Any, ledger: Any, error: Exception, settled: Any, stream: bool
) -> None:
    pipeline, _ = make_pipeline(error=error, ports={"ledger": ledger})
    with pytest.raises((ApiError, ClientError)):
        ask(pipeline, stream)
    assert ledger.calls[1:] == settled


def test_a_stream_is_settled_where_it_is_whole(
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
    # What was used of one that is not whole, the model server reports.
    settled = [call for call in ledger.calls if call[0] == "settle"]
    assert settled == [("settle", 4, 2)]


def test_the_model_server_hears_what_it_reports_for(
    make_pipeline: Any, ledger: Any, completion: bytes
) -> None:
    for stream in (False, True):
        pipeline, runtime = make_pipeline(
            *([] if stream else [completion]), ports={"ledger": ledger}
        )
        ask(pipeline, stream)
        reservation = reservation_of(runtime.requests[0]["CustomAttributes"])
        assert reservation and reservation.startswith("consumer%23c%232026-11/chatcmpl-")


def test_an_answer_that_can_not_be_settled_is_given(
    make_pipeline: Any, ledger: Any, log: Any, completion: bytes
) -> None:
    def refuse(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems")

    ledger.settle = refuse
    pipeline, _ = make_pipeline(completion, ports={"ledger": ledger})
    assert pipeline.complete(answer())["choices"]
    assert len(log.records) == 1


class Guard:
    """Keeps back what has a word in it."""

    def __init__(self, word: str) -> None:
        self.word = word

    def check(self, text: str, side: str) -> Verdict:
        return Verdict(allowed=self.word not in text, rule="words")


def test_a_question_that_the_guard_keeps_back_is_asked_of_nobody(
    make_pipeline: Any, ledger: Any, log: Any
) -> None:
    pipeline, runtime = make_pipeline(ports={"ledger": ledger, "guard": Guard("元気")})
    for stream in (False, True):
        with pytest.raises(ApiError) as refused:
            ask(pipeline, stream)
        assert (refused.value.status, refused.value.code) == (400, "content_filter")
    assert runtime.asked == ledger.calls == []
    found = [(one.finish_reason, one.guard_rule, one.answer) for one in log.records]
    assert found == [("content_filter", "words", "")] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_the_guard_keeps_back_is_paid_for(
    make_pipeline: Any, ledger: Any, log: Any, completion: bytes, stream: bool
) -> None:
    parts = [] if stream else [completion]
    pipeline, _ = make_pipeline(*parts, ports={"ledger": ledger, "guard": Guard("はい")})
    ask(pipeline, stream)
    (record,) = log.records
    assert (record.answer, record.finish_reason) == ("", "content_filter")
    assert (record.guard_rule, record.completion_tokens) == ("words", 2)
    assert record.flaw == "guarded"
    # A stream is ended where it is kept back: its model server reports what it used.
    assert ledger.calls[1:] == ([] if stream else [("settle", 4, 2)])


@pytest.mark.parametrize(
    ("text", "reason", "flaw"),
    [
        ("はい", "stop", ""),
        ("", "stop", "empty"),
        # The first token alone may be less than a character.
        ("", "length", ""),
        ("はい、" * 90, "length", "repeated"),
    ],
)
def test_what_is_wrong_with_an_answer_by_itself(
    make_pipeline: Any, log: Any, text: str, reason: str, flaw: str
) -> None:
    choice = {"message": {"content": text}, "finish_reason": reason}
    make_pipeline(json.dumps({"choices": [choice]}).encode())[0].complete(answer())
    assert [record.flaw for record in log.records] == [flaw]


def test_tools_that_are_called_are_an_answer(make_pipeline: Any, log: Any) -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    choice = {"message": {"content": None, "tool_calls": calls}, "finish_reason": "tool_calls"}
    make_pipeline(json.dumps({"choices": [choice]}).encode())[0].complete(answer())
    assert [record.flaw for record in log.records] == [""]


def test_what_is_left_before_its_end_has_no_flaw(
    make_pipeline: Any, log: Any, stream_parts: tuple[bytes, ...]
) -> None:
    with make_pipeline(*stream_parts)[0].stream(answer(stream=True)):
        pass
    assert [record.flaw for record in log.records] == [""]


@pytest.mark.parametrize(
    ("attributes", "released", "is_new"),
    [
        ("model-version=arn:p/group/3", "arn:p/group/3", False),
        ("model-version=arn:p/group/4", "arn:p/group/3", True),
        # An engine that doesn't say which version it is counts as the new one's.
        (None, "arn:p/group/3", True),
    ],
)
def test_whether_a_version_on_trial_has_answered(
    make_pipeline: Any,
    log: Any,
    completion: bytes,
    attributes: str | None,
    released: str,
    is_new: bool,
) -> None:
    ports = {"released": lambda _: released}
    make_pipeline(completion, attributes=attributes, ports=ports)[0].complete(answer())
    assert [record.of_new_version for record in log.records] == [is_new]


def test_what_the_model_was_not_asked_is_no_version_s(make_pipeline: Any, log: Any) -> None:
    ports = {"guard": Guard("元気"), "released": lambda _: "arn:p/group/3"}
    with pytest.raises(ApiError):
        make_pipeline(ports=ports)[0].complete(answer())
    assert [(one.of_new_version, one.flaw) for one in log.records] == [(False, "")]


def test_where_the_time_went(
    make_pipeline: Any, log: Any, completion: bytes, stream_parts: tuple[bytes, ...]
) -> None:
    role = b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'
    asked = answer()
    make_pipeline(completion)[0].complete(asked)
    asked = answer(stream=True)
    asked.latency.started -= 1
    with make_pipeline(role, *stream_parts)[0].stream(asked) as chunks:
        for seconds in (0.02, 0.03):
            time.sleep(seconds)
            next(chunks)
        time.sleep(0.04)
        list(chunks)
    whole, streamed = log.records
    assert whole.queue_ms == whole.first_token_ms == 0
    assert streamed.policy_ms >= 1000
    assert streamed.queue_ms >= 20
    assert streamed.first_token_ms >= 30 and streamed.rest_ms >= 40
    for one in log.records:
        parts = (one.policy_ms, one.queue_ms, one.first_token_ms, one.rest_ms)
        assert one.latency_ms == sum(parts)


def test_several_answers_are_recorded(make_pipeline: Any, log: Any) -> None:
    choices: list[dict[str, Any]] = [
        {"index": 0, "message": {"content": None, "tool_calls": []}, "finish_reason": "stop"},
        {"index": 1, "message": {"content": "いいえ"}, "finish_reason": "length"},
    ]
    choices[0]["message"]["tool_calls"] = [{"id": "c", "function": {"name": "f"}}]
    make_pipeline(json.dumps({"choices": choices}).encode())[0].complete(answer(n=2))
    (record,) = log.records
    assert json.loads(record.answer) == [{"id": "c", "function": {"name": "f"}}]
    assert (record.other_answers, record.finish_reason) == (["いいえ"], "stop")
