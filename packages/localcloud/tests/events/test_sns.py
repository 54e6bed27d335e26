"""SNS: messages to queues and functions, filtered, raw, in order, dead-lettered."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud

if TYPE_CHECKING:
    from tests.events.conftest import Queue, RecordedLambda

Eventually = Callable[..., Any]
MakeQueue = Callable[..., "Queue"]
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"


@pytest.fixture
def sns(cloud: Cloud) -> Any:
    return cloud.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name="t")["TopicArn"])


def subscribe(sns: Any, topic: str, protocol: str, endpoint: str, **attributes: str) -> str:
    answer = sns.subscribe(
        TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes
    )
    return str(answer["SubscriptionArn"])


def test_a_function_receives_the_record(
    sns: Any, topic: str, functions: RecordedLambda, eventually: Eventually
) -> None:
    arn = subscribe(sns, topic, "lambda", f"{FUNCTION}:f")
    kind = {"kind": {"DataType": "String", "StringValue": "ordre"}}
    answer = sns.publish(TopicArn=topic, Message="今日は", Subject="s", MessageAttributes=kind)
    eventually(lambda: functions.calls)
    [(name, payload, caller)] = functions.calls
    assert name == "f"
    [record] = payload["Records"]
    assert record["EventSource"] == "aws:sns"
    assert record["EventSubscriptionArn"] == arn
    assert record["Sns"]["Message"] == "今日は"
    assert record["Sns"]["MessageId"] == answer["MessageId"]
    assert record["Sns"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "ordre"}}
    assert (caller.service, caller.source_arn) == ("sns.amazonaws.com", topic)


def test_a_queue_receives_a_notification_or_the_raw_message(
    sns: Any, topic: str, make_queue: MakeQueue
) -> None:
    wrapped, raw = make_queue("wrapped"), make_queue("raw")
    subscribe(sns, topic, "sqs", wrapped.arn)
    subscribe(sns, topic, "sqs", raw.arn, RawMessageDelivery="true")
    number = {"n": {"DataType": "Number", "StringValue": "5"}}
    sns.publish(TopicArn=topic, Message='{"a": 1}', MessageAttributes=number)
    [body] = wrapped.bodies()
    assert (body["Type"], body["Message"], body["TopicArn"]) == ("Notification", '{"a": 1}', topic)
    assert body["MessageAttributes"] == {"n": {"Type": "Number", "Value": "5"}}
    assert "Subject" not in body
    [message] = raw.receive()
    assert message["Body"] == '{"a": 1}'
    assert message["MessageAttributes"]["n"]["StringValue"] == "5"


@pytest.mark.parametrize(
    ("policy", "scope", "expected"),
    [
        ({"kind": ["order"]}, "MessageAttributes", ["1", "3"]),
        ({"kind": [{"anything-but": "order"}]}, "MessageAttributes", ["2"]),
        ({"n": [{"numeric": [">", 2]}]}, "MessageAttributes", ["3"]),
        ({"tags": ["b"]}, "MessageAttributes", ["2"]),
        ({"body": {"x": [1, 2]}}, "MessageBody", ["1", "2"]),
    ],
)
def test_a_filter_policy_lets_some_through(
    sns: Any,
    topic: str,
    functions: RecordedLambda,
    eventually: Eventually,
    policy: dict[str, Any],
    scope: str,
    expected: list[str],
) -> None:
    attributes = {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": scope}
    subscribe(sns, topic, "lambda", f"{FUNCTION}:f", **attributes)
    subscribe(sns, topic, "lambda", f"{FUNCTION}:all")
    for n, kind, tags in ((1, "order", ["a"]), (2, "other", ["a", "b"]), (3, "order", [])):
        sns.publish(
            TopicArn=topic,
            Subject=str(n),
            Message=json.dumps({"body": {"x": n}}),
            MessageAttributes={
                "kind": {"DataType": "String", "StringValue": kind},
                "n": {"DataType": "Number", "StringValue": str(n)},
                "tags": {"DataType": "String.Array", "StringValue": json.dumps(tags)},
            },
        )
    eventually(lambda: len(functions.payloads("all")) == 3)
    eventually(lambda: len(functions.payloads("f")) == len(expected))
    received = [payload["Records"][0]["Sns"]["Subject"] for payload in functions.payloads("f")]
    assert received == expected


def test_a_message_may_differ_by_protocol(
    sns: Any, topic: str, functions: RecordedLambda, make_queue: MakeQueue, eventually: Eventually
) -> None:
    queue = make_queue("q")
    subscribe(sns, topic, "sqs", queue.arn, RawMessageDelivery="true")
    subscribe(sns, topic, "lambda", f"{FUNCTION}:f")
    texts = json.dumps({"default": "d", "sqs": '"for queues"'})
    sns.publish(TopicArn=topic, Message=texts, MessageStructure="json")
    assert queue.bodies() == ["for queues"]
    eventually(lambda: functions.calls)
    assert functions.payloads("f")[0]["Records"][0]["Sns"]["Message"] == "d"


def test_a_fifo_topic_keeps_order_and_drops_duplicates(
    cloud: Cloud, sns: Any, make_queue: MakeQueue
) -> None:
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    topic = sns.create_topic(Name="t.fifo", Attributes=attributes)["TopicArn"]
    queue = make_queue("q.fifo", FifoQueue="true")
    subscribe(sns, topic, "sqs", queue.arn, RawMessageDelivery="true")
    with pytest.raises(ClientError, match="MessageGroupId"):
        sns.publish(TopicArn=topic, Message="0")
    first = sns.publish(TopicArn=topic, Message="0", MessageGroupId="g")
    again = sns.publish(TopicArn=topic, Message="0", MessageGroupId="g")
    assert again["MessageId"] == first["MessageId"]
    for number in range(1, 20):
        sns.publish(TopicArn=topic, Message=str(number), MessageGroupId="g")
    assert queue.bodies(20) == list(range(20))
    cloud.clock.advance(timedelta(minutes=6))
    later = sns.publish(TopicArn=topic, Message="0", MessageGroupId="g")
    assert later["SequenceNumber"] > first["SequenceNumber"]


def test_what_a_function_refuses_goes_to_the_subscriptions_dead_letter_queue(
    sns: Any, topic: str, make_queue: MakeQueue, caplog: pytest.LogCaptureFixture
) -> None:
    dead = make_queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn})
    subscribe(sns, topic, "lambda", f"{FUNCTION}:denied", RedrivePolicy=redrive)
    sns.publish(TopicArn=topic, Message="m")
    assert dead.bodies()[0]["Message"] == "m"
    assert "AccessDeniedException" in caplog.text


def test_a_batch_answers_for_each_entry(
    sns: Any, topic: str, functions: RecordedLambda, eventually: Eventually
) -> None:
    subscribe(sns, topic, "lambda", f"{FUNCTION}:f")
    entries = [{"Id": "good", "Message": "m"}, {"Id": "bad", "Message": "m", "Subject": "\n"}]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert [(e["Id"], e["Code"]) for e in answer["Failed"]] == [("bad", "InvalidParameter")]
    eventually(lambda: len(functions.calls) == 1)
    with pytest.raises(ClientError, match="BatchEntryIdsNotDistinct"):
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[entries[0]] * 2)


def test_other_protocols_are_kept_and_not_sent(
    sns: Any, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    subscribe(sns, topic, "email", "someone@example.com")
    sns.publish(TopicArn=topic, Message="m")
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [one["Protocol"] for one in listed] == ["email"]
    assert "recorded, not sent" in caplog.text


def test_a_bad_message_is_refused(sns: Any, topic: str) -> None:
    for members, reason in [
        ({"Message": ""}, "Empty message"),
        ({"Message": "x" * 300_000}, "too long"),
        ({"Message": "m", "Subject": "x" * 101}, "Subject"),
        ({"Message": "m", "MessageStructure": "json"}, "failed to parse"),
        ({"Message": '{"sqs": "m"}', "MessageStructure": "json"}, "No default"),
        ({"Message": "m", "TopicArn": topic + "x"}, "NotFound"),
    ]:
        with pytest.raises(ClientError, match=reason):
            sns.publish(**({"TopicArn": topic} | members))
