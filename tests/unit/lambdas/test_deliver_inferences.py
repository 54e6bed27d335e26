"""Records go from the table's stream to the lake, each whole, whatever is away meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ConnectTimeoutError

from lambdas.deliver_inferences import delivery_stream, handler
from lambdas.deliver_inferences.delivery_stream import DeliveryStream
from meguru.names import GUARD_METRIC


class FakeFirehose:
    """Takes lines, but none that has a text of `refused`; `is_away`, it takes no call."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.calls: list[int] = []
        self.refused: set[str] = set()
        self.is_away = False

    def put_record_batch(self, *, DeliveryStreamName: str, Records: Any) -> dict[str, Any]:  # noqa: N803
        if self.is_away:
            raise ConnectTimeoutError(endpoint_url="https://firehose")
        assert DeliveryStreamName == "stream"
        self.calls.append(len(Records))
        responses = []
        for record in Records:
            if any(text in record["Data"].decode() for text in self.refused):
                responses.append({"ErrorCode": "ServiceUnavailableException"})
            else:
                self.lines.append(record["Data"])
                responses.append({"RecordId": "1"})
        return {"FailedPutCount": 0, "RequestResponses": responses}


class FakeQueue:
    """Takes messages, but none that has a text of `refused`; `is_away`, it takes no call."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.num_calls = 0
        self.refused: set[str] = set()
        self.is_away = False

    def send_message_batch(self, *, QueueUrl: str, Entries: Any) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "https://sqs/set-aside" and len(Entries) <= 10
        self.num_calls += 1
        if self.is_away:
            raise ConnectTimeoutError(endpoint_url="https://sqs")
        failed = []
        for entry in Entries:
            if any(text in entry["MessageBody"] for text in self.refused):
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
            else:
                self.sent.append(entry["MessageBody"])
        return {"Failed": failed} if failed else {}


@pytest.fixture
def firehose() -> FakeFirehose:
    return FakeFirehose()


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture(autouse=True)
def clients(
    aws: None, firehose: FakeFirehose, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    handler.zone.cache_clear()
    monkeypatch.setattr(handler, "firehose", lambda: firehose)
    monkeypatch.setattr(handler, "sqs", lambda: queue)
    handler.dynamodb.cache_clear()
    yield
    handler.dynamodb.cache_clear()


def record(number: int, **more: Any) -> dict[str, Any]:
    values = {
        "inference_id": f"chatcmpl-{number}",
        "created_at": "2026-11-26T16:00:00+00:00",
        "model": "chat",
        "model_package_arn": "arn:aws:sagemaker:us-east-1:1:model-package/group/3",
        "messages": [{"role": "user", "content": "元気?\n"}],
        "answer": "はい",
        "latency_ms": 7,
        "cached": False,
        "guard_rule": "",
        "expires_at": 1,
    }
    return {name: TypeSerializer().serialize(one) for name, one in (values | more).items()}


def from_stream(*items: dict[str, Any]) -> dict[str, Any]:
    changes = [{"NewImage": one, "SequenceNumber": str(n)} for n, one in enumerate(items, 100)]
    return {"Records": [{"eventSource": "aws:dynamodb", "dynamodb": one} for one in changes]}


def from_queue(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": str(number), "body": body}
            for number, body in enumerate(bodies)
        ]
    }


def failures(event: dict[str, Any]) -> list[str]:
    return [one["itemIdentifier"] for one in handler.handler(event, None)["batchItemFailures"]]


def ids(lines: list[bytes]) -> list[str]:
    return [json.loads(line)["inference_id"] for line in lines]


def test_a_record_is_one_line_of_its_day_in_the_company_s_time_zone(firehose: FakeFirehose) -> None:
    assert failures(from_stream(record(1))) == []
    [line] = firehose.lines
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    written = json.loads(line)
    assert (written["dt"], written["model_version"]) == ("2026-11-27", "group-3")
    assert (written["latency_ms"], written["cached"]) == (7, False)
    assert "expires_at" not in written


def test_only_what_was_not_taken_is_set_aside(firehose: FakeFirehose, queue: FakeQueue) -> None:
    firehose.refused = {"chatcmpl-2"}
    handler.handler(from_stream(record(1), record(2), record(3)), None)
    assert ids(firehose.lines) == ["chatcmpl-1", "chatcmpl-3"]
    [message] = queue.sent
    firehose.refused = set()
    assert failures(from_queue(message)) == []
    assert ids(firehose.lines)[2:] == ["chatcmpl-2"]


def test_what_can_not_be_delivered_stays_in_the_queue(
    firehose: FakeFirehose, queue: FakeQueue, make_table: Callable[..., Any]
) -> None:
    firehose.is_away = True
    handler.handler(from_stream(record(1)), None)
    # The table isn't there yet.
    bodies = (*queue.sent, json.dumps({"item": record(2)}))
    assert failures(from_queue(*bodies)) == ["0", "1"]
    table = make_table("inferences", "inference_id")
    assert failures(from_queue(*bodies)) == ["0"]
    assert table.get_item(Key={"inference_id": "chatcmpl-2"})["Item"]["answer"] == "はい"


def test_lines_from_the_queue_are_put_in_one_call(firehose: FakeFirehose) -> None:
    firehose.refused = {"two"}
    bodies = [json.dumps({"line": one}) for one in ("one", "two", "three")]
    assert failures(from_queue(*bodies)) == ["1"]
    assert firehose.calls == [3] and firehose.lines == [b"one\n", b"three\n"]


def test_what_the_queue_does_not_take_either_comes_again_from_the_stream(
    firehose: FakeFirehose, queue: FakeQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    firehose.refused = {"chatcmpl-2", "chatcmpl-3"}
    queue.refused = {"chatcmpl-3"}
    event = from_stream(*map(record, (1, 2, 3, 4)))
    # From the third record on; the metric has a sample for each of those before.
    assert failures(event) == ["102"]
    assert ids(firehose.lines) == ["chatcmpl-1", "chatcmpl-4"]
    assert [json.loads(json.loads(one)["line"])["inference_id"] for one in queue.sent] == [
        "chatcmpl-2"
    ]
    assert hits(capsys.readouterr().out) == {"chat": [0.0, 0.0]}
    firehose.refused = set()
    assert failures({"Records": event["Records"][2:]}) == []
    assert ids(firehose.lines)[2:] == ["chatcmpl-3", "chatcmpl-4"]


def test_a_queue_that_is_away_is_waited_for_once(firehose: FakeFirehose, queue: FakeQueue) -> None:
    firehose.is_away = queue.is_away = True
    assert failures(from_stream(*map(record, range(100)))) == ["100"]
    assert queue.num_calls == 1
    queue.is_away = False
    assert failures(from_stream(*map(record, range(100)))) == []
    assert len(queue.sent) == 100 and queue.num_calls == 11


def test_a_foreign_item_stops_no_other(firehose: FakeFirehose) -> None:
    foreign = {"inference_id": {"S": "by-hand"}}
    undated = record(3, created_at="yesterday")
    assert failures(from_stream(record(1), foreign, undated, record(2))) == []
    assert ids(firehose.lines) == ["chatcmpl-1", "chatcmpl-2"]


def test_hits_of_the_guard_are_counted_by_model(capsys: pytest.CaptureFixture[str]) -> None:
    items = [record(1, guard_rule="words"), record(2), record(3, model="other")]
    handler.handler(from_stream(*items), None)
    assert hits(capsys.readouterr().out) == {"chat": [1.0, 0.0], "other": [0.0]}


def hits(output: str) -> dict[str, list[float]]:
    """The metric's samples by model."""
    lines = [json.loads(line) for line in output.splitlines()]
    return {line["model"]: line[GUARD_METRIC] for line in lines if GUARD_METRIC in line}


def test_the_answers_of_a_new_version_are_counted_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    new = {"of_new_version": True}
    items = [
        *(record(1, flaw="empty", **new), record(2, flaw="guarded", **new), record(3, **new)),
        *(record(4, flaw="repeated"), record(5)),
    ]
    handler.handler(from_stream(*items), None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = ("EmptyAnswer", "GuardedAnswer", "RepeatedAnswer")
    of_all, of_new = [[line[name] for name in names] for line in lines if "EmptyAnswer" in line]
    assert of_all == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]
    assert of_new == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    [dimensions] = lines[-1]["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert {name: lines[-1][name] for name in dimensions} == {
        "environment": "poc",
        "model": "chat",
        "version": "new",
    }


def test_batches_are_no_larger_than_a_call_takes(
    firehose: FakeFirehose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_stream, "MAX_RECORDS", 3)
    monkeypatch.setattr(delivery_stream, "MAX_BYTES", 20)
    lines = ["a", "b", "c", "d", "e" * 12, "f" * 12, "g" * 30, "h"]
    assert DeliveryStream(firehose, "stream").put(lines) == []
    assert firehose.calls == [3, 2, 1, 1, 1]
    assert b"".join(firehose.lines).decode().split() == lines
