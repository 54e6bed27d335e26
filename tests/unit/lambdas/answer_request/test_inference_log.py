"""The inference log over DynamoDB and a delivery stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from lambdas.answer_request.admission import MAX_BODY_BYTES
from lambdas.answer_request.inference_log import InferenceLog, model_version
from meguru.records import Inference


class FakeFirehose:
    def __init__(self) -> None:
        self.put: list[bytes] = []

    def put_record(self, *, DeliveryStreamName: str, Record: dict[str, bytes]) -> None:  # noqa: N803
        assert DeliveryStreamName == "stream"
        self.put.append(Record["Data"])


def inference(**more: Any) -> Inference:
    values: dict[str, Any] = {
        "inference_id": "chatcmpl-1",
        "created_at": "2026-11-22T00:00:00+00:00",
        "consumer": "key",
        "model": "meguru-text",
        "model_package_arn": "arn:aws:sagemaker:us-east-1:1:model-package/group/3",
        "messages": [{"role": "user", "content": "元気?"}],
        "answer": "はい",
        "finish_reason": "stop",
        "prompt_tokens": 4,
        "completion_tokens": 2,
        "latency_ms": 7,
    }
    return Inference(**values | more)


def test_written_twice_over(make_table: Callable[..., Any]) -> None:
    table, firehose = make_table("inferences", "inference_id"), FakeFirehose()
    InferenceLog(table, firehose, "stream", 30).write(inference(), "full")
    item = table.get_item(Key={"inference_id": "chatcmpl-1"})["Item"]
    expires = datetime.fromisoformat("2026-12-22T00:00:00+00:00").timestamp()
    assert item["expires_at"] == int(expires)
    assert item["messages"] == [{"role": "user", "content": "元気?"}]
    (line,) = firehose.put
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert json.loads(line)["model_version"] == "group-3"


def test_largest_request_fits(make_table: Callable[..., Any]) -> None:
    table = make_table("inferences", "inference_id")
    messages = [{"role": "user", "content": "あ" * (MAX_BODY_BYTES // 3)}]
    written = inference(messages=messages, answer="あ" * 30_000)
    InferenceLog(table, FakeFirehose(), "stream", 30).write(written, "full")


@pytest.mark.parametrize(("arn", "version"), [("", "unknown"), ("a:model-package/g/12", "g-12")])
def test_model_version(arn: str, version: str) -> None:
    if version == "g-12":
        arn = f"arn:aws:sagemaker:r:1:{arn.partition(':')[2]}"
    assert model_version(arn) == version


@pytest.mark.parametrize("policy", ["redacted", "summary"])
def test_what_was_said_is_kept_where_all_is(make_table: Callable[..., Any], policy: str) -> None:
    table, firehose = make_table("inferences", "inference_id"), FakeFirehose()
    said = inference(other_answers=["いいえ"])
    InferenceLog(table, firehose, "stream", 30).write(said, policy)
    item = table.get_item(Key={"inference_id": "chatcmpl-1"})["Item"]
    for kept in (item, json.loads(firehose.put[0])):
        assert (kept["messages"], kept["answer"], kept["other_answers"]) == ([], "", [])
        assert kept["prompt_tokens"] == 4
