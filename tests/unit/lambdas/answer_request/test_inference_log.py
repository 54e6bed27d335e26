"""The inference log over a table and a queue, each of which may be away."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from lambdas.answer_request.admission import MAX_BODY_BYTES
from lambdas.answer_request.inference_log import MAX_UNSENT, InferenceLog
from meguru.records import Inference

QUEUE = "https://sqs/set-aside"


class FakeQueue:
    """Keeps what it is sent, unless it is `away`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.away = False

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        if self.away:
            raise ConnectTimeoutError(endpoint_url=QUEUE)
        assert QueueUrl == QUEUE
        self.sent.append(MessageBody)


class FakeTable:
    """Keeps the items it is given, unless it refuses with `error`."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def put_item(self, *, TableName: str, Item: dict[str, Any]) -> None:  # noqa: N803
        if self.error:
            raise self.error
        assert TableName == "inferences"
        self.items.append(Item)


THROTTLED = ClientError(
    {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": ""}}, "PutItem"
)


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def table() -> FakeTable:
    return FakeTable()


@pytest.fixture
def log(table: FakeTable, queue: FakeQueue) -> InferenceLog:
    return InferenceLog(table, "inferences", queue, QUEUE, 30)


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


def test_record_is_kept_until_it_expires(make_table: Callable[..., Any], queue: FakeQueue) -> None:
    table = make_table("inferences", "inference_id")
    log = InferenceLog(boto3.client("dynamodb"), "inferences", queue, QUEUE, 30)
    log.write(inference(), "full")
    item = table.get_item(Key={"inference_id": "chatcmpl-1"})["Item"]
    assert item["expires_at"] == datetime.fromisoformat("2026-12-22T00:00:00+00:00").timestamp()
    assert item["messages"] == [{"role": "user", "content": "元気?"}]
    assert (item["answer"], item["num_characters"], item["log"]) == ("はい", 5, "full")
    assert queue.sent == []


@pytest.mark.parametrize("policy", ["redacted", "summary", "something-new"])
def test_nothing_that_may_not_be_kept_is_written(
    log: InferenceLog, table: FakeTable, queue: FakeQueue, policy: str
) -> None:
    said = [{"role": "user", "content": "私は090-1234-5678です"}]
    log.write(inference(messages=said), policy)
    table.error = THROTTLED
    log.write(inference(messages=said), policy)
    written = json.dumps([*table.items, *queue.sent], ensure_ascii=False)
    assert "1234" not in written
    assert ("[phone]" in written) == (policy == "redacted")


def test_largest_request_and_answers_fit(make_table: Callable[..., Any], queue: FakeQueue) -> None:
    table = make_table("inferences", "inference_id")
    log = InferenceLog(boto3.client("dynamodb"), "inferences", queue, QUEUE, 30)
    messages = [{"role": "user", "content": "あ" * (MAX_BODY_BYTES // 3)}]
    answers = {"answer": "い" * 30_000, "other_answers": ["う" * 90_000] * 2}
    log.write(inference(messages=messages, **answers), "full")
    item = table.get_item(Key={"inference_id": "chatcmpl-1"})["Item"]
    assert item["messages"] == messages and item["answer"] == "い" * 30_000
    assert item["is_shortened"] and item["num_characters"] == len(messages[0]["content"]) + 210_000
    assert queue.sent == []


@pytest.mark.parametrize("error", [THROTTLED, ConnectTimeoutError(endpoint_url="https://dynamodb")])
def test_what_the_table_does_not_take_waits_in_the_queue(
    log: InferenceLog, table: FakeTable, queue: FakeQueue, error: Exception
) -> None:
    table.error = error
    log.write(inference(), "full")
    [message] = queue.sent
    assert json.loads(message)["item"]["inference_id"] == {"S": "chatcmpl-1"}


def test_what_the_queue_does_not_take_either_is_sent_with_the_next(
    log: InferenceLog, table: FakeTable, queue: FakeQueue
) -> None:
    table.error, queue.away = THROTTLED, True
    for number in range(MAX_UNSENT + 5):
        log.write(inference(inference_id=f"chatcmpl-{number}"), "full")
    table.error, queue.away = None, False
    log.write(inference(inference_id="chatcmpl-last"), "full")
    ids = [json.loads(message)["item"]["inference_id"]["S"] for message in queue.sent]
    # The oldest are the ones that this process has no room for.
    assert ids == [f"chatcmpl-{number}" for number in range(5, MAX_UNSENT + 5)]
    assert [item["inference_id"]["S"] for item in table.items] == ["chatcmpl-last"]
