"""SQS's long polls, and its delays in the cloud's own time."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud


@pytest.fixture
def queue(ground: Cloud) -> str:
    url: str = ground.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    return url


def test_a_long_poll_ends_with_the_first_message(ground: Cloud, queue: str) -> None:
    sqs = ground.client("sqs")
    sender = threading.Timer(0.3, sqs.send_message, kwargs={"QueueUrl": queue, "MessageBody": "x"})
    sender.start()
    started = time.monotonic()
    messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert messages[0]["Body"] == "x"
    assert 0.2 < time.monotonic() - started < 3


def test_a_long_poll_ends_empty_when_its_time_is_up(ground: Cloud, queue: str) -> None:
    started = time.monotonic()
    answer = ground.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1)
    assert "Messages" not in answer
    assert 0.9 < time.monotonic() - started < 3


def test_a_queues_own_waiting_time_counts(ground: Cloud) -> None:
    sqs = ground.client("sqs")
    url = sqs.create_queue(QueueName="slow", Attributes={"ReceiveMessageWaitTimeSeconds": "1"})
    started = time.monotonic()
    sqs.receive_message(QueueUrl=url["QueueUrl"])
    assert time.monotonic() - started > 0.9


def test_a_wait_that_is_too_long_is_refused(ground: Cloud, queue: str) -> None:
    with pytest.raises(ClientError, match="WaitTimeSeconds"):
        ground.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=21)


def test_messages_heed_the_advanced_clock(ground: Cloud, queue: str) -> None:
    sqs = ground.client("sqs")

    def receive() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=600)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=300)
    assert receive() == []
    ground.clock.advance(timedelta(seconds=301))
    assert [one["Body"] for one in receive()] == ["later"]
    assert receive() == []
    ground.clock.advance(timedelta(seconds=601))
    assert [one["Body"] for one in receive()] == ["later"]


def test_each_message_goes_to_one_consumer(ground: Cloud, queue: str) -> None:
    sqs = ground.client("sqs")
    bodies: list[str] = []

    def consume() -> None:
        while True:
            answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            if "Messages" not in answer:
                return
            bodies.extend(one["Body"] for one in answer["Messages"])

    consumers = [threading.Thread(target=consume) for _ in range(5)]
    for consumer in consumers:
        consumer.start()
    for number in range(30):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    for consumer in consumers:
        consumer.join()
    assert sorted(bodies, key=int) == [str(number) for number in range(30)]


def test_a_waiting_reader_sees_the_clock_advance(ground: Cloud, queue: str) -> None:
    sqs = ground.client("sqs")
    sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=300)
    threading.Timer(0.3, ground.clock.advance, args=[timedelta(seconds=295)]).start()
    answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
    assert "Messages" not in answer  # its 20 seconds went by as well
    ground.clock.advance(timedelta(seconds=6))
    assert len(sqs.receive_message(QueueUrl=queue)["Messages"]) == 1


@pytest.mark.parametrize("value", ["soon", "-1", "43201"])
def test_an_attribute_beyond_its_range_is_refused(ground: Cloud, queue: str, value: str) -> None:
    sqs, attributes = ground.client("sqs"), {"VisibilityTimeout": value}
    refused = r"InvalidAttributeValue.*Invalid value for the parameter VisibilityTimeout"
    with pytest.raises(ClientError, match=refused):
        sqs.create_queue(QueueName="other", Attributes=attributes)
    with pytest.raises(ClientError, match=refused):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=attributes)
