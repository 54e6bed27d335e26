"""Queues, measured as CloudWatch shows them, and alarms on them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from localcloud.cloud import Cloud
from localcloud.monitoring.alarms import CloudWatchService


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(services=[CloudWatchService]) as running:
        yield running


@pytest.fixture
def queue(cloud: Cloud) -> str:
    url: str = cloud.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    return url


def pass_time(cloud: Cloud, seconds: float) -> None:
    cloud.clock.advance(timedelta(seconds=seconds))
    cloud.service(CloudWatchService).evaluate_alarms()


def measured(cloud: Cloud, metric: str, stat: str, queue_name: str = "jobs") -> float | None:
    found = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName=metric,
        Dimensions=[{"Name": "QueueName", "Value": queue_name}],
        StartTime=cloud.clock.now() - timedelta(hours=3),
        EndTime=cloud.clock.now() + timedelta(hours=3),
        Period=86400,
        Statistics=[stat],
    )["Datapoints"]
    values = [float(point[stat]) for point in found]
    return max(values) if stat == "Maximum" else sum(values) if values else None


def put_alarm(cloud: Cloud, metric: str, threshold: float, queue_name: str = "jobs") -> None:
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="queue",
        Namespace="AWS/SQS",
        MetricName=metric,
        Dimensions=[{"Name": "QueueName", "Value": queue_name}],
        Statistic="Maximum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=threshold,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )


def alarm_state(cloud: Cloud) -> str:
    found = cloud.client("cloudwatch").describe_alarms(AlarmNames=["queue"])["MetricAlarms"]
    return str(found[0]["StateValue"])


def test_an_alarm_on_a_dead_letter_queue_fires_and_calms_down(cloud: Cloud, queue: str) -> None:
    sqs = cloud.client("sqs")
    dead: str = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = f"arn:aws:sqs:{cloud.region}:{cloud.account.id}:dead"
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": redrive})
    put_alarm(cloud, "ApproximateNumberOfMessagesVisible", 1, "dead")
    pass_time(cloud, 300)
    assert alarm_state(cloud) == "OK"
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    for _ in range(2):
        sqs.receive_message(QueueUrl=queue)
        cloud.clock.advance(timedelta(seconds=31))
    pass_time(cloud, 300)
    assert alarm_state(cloud) == "ALARM"
    assert measured(cloud, "NumberOfMessagesSent", "Sum", "dead") is None  # as in AWS
    message = sqs.receive_message(QueueUrl=dead)["Messages"][0]
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    pass_time(cloud, 900)
    assert alarm_state(cloud) == "OK"


def test_the_oldest_messages_age_heeds_the_advanced_clock(cloud: Cloud, queue: str) -> None:
    put_alarm(cloud, "ApproximateAgeOfOldestMessage", 3600)
    cloud.clock.advance(timedelta(hours=2))  # before it was sent
    cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="slow")
    pass_time(cloud, 600)
    assert alarm_state(cloud) == "OK"
    pass_time(cloud, 3600)
    assert alarm_state(cloud) == "ALARM"
    age = measured(cloud, "ApproximateAgeOfOldestMessage", "Maximum")
    assert age is not None
    assert 4200 <= age < 4300


def test_messages_are_counted_as_they_come_and_go(cloud: Cloud, queue: str) -> None:
    sqs = cloud.client("sqs")
    sqs.receive_message(QueueUrl=queue)
    sqs.send_message(QueueUrl=queue, MessageBody="あ")
    entries = [{"Id": str(n), "MessageBody": "x"} for n in range(2)]
    sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    messages: list[dict[str, Any]] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)[
        "Messages"
    ]
    handles = [message["ReceiptHandle"] for message in messages]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=handles[0])
    sqs.delete_message_batch(
        QueueUrl=queue, Entries=[{"Id": h[:8], "ReceiptHandle": h} for h in handles[1:]]
    )
    assert measured(cloud, "NumberOfMessagesSent", "Sum") == 3
    assert measured(cloud, "SentMessageSize", "Sum") == 5
    assert measured(cloud, "NumberOfMessagesReceived", "Sum") == 3
    assert measured(cloud, "NumberOfEmptyReceives", "Sum") == 1
    assert measured(cloud, "NumberOfMessagesDeleted", "Sum") == 3


def test_what_is_in_flight_or_delayed_is_not_visible(cloud: Cloud, queue: str) -> None:
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=queue, MessageBody="read")
    sqs.receive_message(QueueUrl=queue)
    sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=900)
    cloud.service(CloudWatchService).evaluate_alarms()
    assert measured(cloud, "ApproximateNumberOfMessagesVisible", "Maximum") == 0
    assert measured(cloud, "ApproximateNumberOfMessagesNotVisible", "Maximum") == 1
    assert measured(cloud, "ApproximateNumberOfMessagesDelayed", "Maximum") == 1
