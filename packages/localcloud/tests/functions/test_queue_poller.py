"""Queues read on behalf of functions: batches, partial failures, dead letters, windows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

READ = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "logs:*")
# So long that none shows again because the machine is busy: where one has to, time is advanced.
HIDDEN_SECONDS = 600
RECORDER = """
    import json, os, time
    def handler(event, context):
        bodies = [record["body"] for record in event["Records"]]
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(json.dumps(bodies, ensure_ascii=False) + "\\n")
        if "break" in bodies:
            raise ValueError("broken")
        failed = [r["messageId"] for r in event["Records"] if r["body"] == "poison"]
        return {"batchItemFailures": [{"itemIdentifier": i} for i in failed]}
"""


class Queues:
    """A queue with a dead-letter queue, and a function that writes down what it gets."""

    def __init__(self, account: Any, folder: Path) -> None:
        self._account, self._folder = account, folder
        self._sqs = account.cloud.client("sqs")
        self.dead_url, dead_arn = self._queue({})
        redrive = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": "2"}
        self.url, self.arn = self._queue(
            {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": str(HIDDEN_SECONDS)}
        )

    def _queue(self, attributes: dict[str, str]) -> tuple[str, str]:
        url = self._sqs.create_queue(
            QueueName=self._account.unique("queue"), Attributes=attributes
        )["QueueUrl"]
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def map(self, role: str | None = None, **settings: Any) -> str:
        role = role or self._account.role(*READ)
        self._file = self._folder / self._account.unique("seen")
        variables = {"SEEN": str(self._file)}
        name = self._account.function(
            RECORDER, Role=role, Timeout=1, Environment={"Variables": variables}
        )
        made = self._account.api.create_event_source_mapping(
            FunctionName=name, EventSourceArn=self.arn, **settings
        )
        identity: str = made["UUID"]
        return identity

    def show_again(self) -> None:
        """Advance the cloud's clock past the time for which received messages are hidden."""
        self._account.cloud.clock.advance(timedelta(seconds=HIDDEN_SECONDS + 1))

    def hide(self, seconds: int) -> None:
        attributes = {"VisibilityTimeout": str(seconds)}
        self._sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)

    def send(self, *bodies: str) -> None:
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(index), "MessageBody": body}
                for index, body in enumerate(bodies[start : start + 10])
            ]
            self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def batches(self) -> list[list[str]]:
        if not self._file.exists():
            return []
        return [json.loads(line) for line in self._file.read_text().splitlines()]

    def seen(self) -> list[str]:
        return sorted(body for batch in self.batches() for body in batch)

    def dead(self) -> list[str]:
        received = self._sqs.receive_message(QueueUrl=self.dead_url, MaxNumberOfMessages=10)
        return [message["Body"] for message in received.get("Messages", [])]

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(value) for value in found["Attributes"].values())


@pytest.fixture
def queues(account: Any, tmp_path: Path) -> Any:
    made = Queues(account, tmp_path)
    yield made
    for mapping in account.api.list_event_source_mappings()["EventSourceMappings"]:
        account.api.delete_event_source_mapping(UUID=mapping["UUID"])


def test_messages_arrive_once_and_soon(queues: Any, eventually: Callable[..., Any]) -> None:
    queues.map()
    queues.send("warm")
    eventually(lambda: queues.seen() == ["warm"])
    started = time.monotonic()
    queues.send("二")
    eventually(lambda: len(queues.seen()) == 2)
    assert time.monotonic() - started < 1
    bodies = [f"{number:03}" for number in range(50)]
    queues.send(*bodies)
    eventually(lambda: len(queues.seen()) >= 52 and queues.left() == 0)
    assert queues.seen() == sorted(["warm", "二", *bodies])
    assert max(map(len, queues.batches())) > 1


def test_a_poisoned_message_ends_in_the_dead_letter_queue(
    queues: Any, eventually: Callable[..., Any]
) -> None:
    queues.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    queues.send("a", "poison", "b", "c")
    eventually(lambda: queues.seen() == ["a", "b", "c", "poison"] and queues.left() == 1)
    queues.show_again()
    eventually(lambda: queues.seen().count("poison") == 2)
    time.sleep(0.2)  # the failure is answered, and nothing asks the queue for anything
    queues.show_again()
    assert eventually(queues.dead) == ["poison"]
    assert queues.seen() == ["a", "b", "c", "poison", "poison"]
    assert queues.left() == 0


def test_a_failed_message_comes_again_when_the_clock_is_advanced(
    queues: Any, eventually: Callable[..., Any]
) -> None:
    queues.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    queues.send("poison")
    eventually(lambda: queues.batches() == [["poison"]])
    time.sleep(0.2)  # the failure is answered, and nothing asks the queue for anything
    queues.show_again()
    eventually(lambda: queues.batches() == [["poison"], ["poison"]])


def test_a_failed_batch_comes_again_whole(queues: Any, eventually: Callable[..., Any]) -> None:
    queues.map()
    queues.send("break")
    for times in (1, 2):
        eventually(lambda times=times: queues.seen() == ["break"] * times)
        time.sleep(0.2)  # the failure is answered, and nothing asks the queue for anything
        queues.show_again()
    assert eventually(queues.dead) == ["break"]
    assert queues.seen() == ["break", "break"]


def test_filtered_messages_are_deleted_unseen(queues: Any, eventually: Callable[..., Any]) -> None:
    pattern = {"body": {"kind": ["wanted"]}}
    queues.map(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    wanted = json.dumps({"kind": "wanted"})
    queues.send(json.dumps({"kind": "other"}), "no json", wanted)
    eventually(lambda: queues.left() == 0)
    assert queues.seen() == [wanted]


def test_a_window_gathers_a_batch_in_the_clouds_time(
    account: Any, queues: Any, eventually: Callable[..., Any]
) -> None:
    queues.map(BatchSize=100, MaximumBatchingWindowInSeconds=300)
    queues.send("a")
    time.sleep(0.5)
    queues.send("b")
    time.sleep(0.7)
    assert queues.seen() == []
    account.cloud.clock.advance(timedelta(seconds=300))
    eventually(lambda: queues.batches())
    assert queues.seen() == ["a", "b"]


def test_a_message_that_shows_again_within_the_window_is_one(
    account: Any, queues: Any, eventually: Callable[..., Any]
) -> None:
    queues.hide(1)
    queues.map(BatchSize=100, MaximumBatchingWindowInSeconds=300)
    queues.send("a")
    time.sleep(1.4)
    account.cloud.clock.advance(timedelta(seconds=300))
    eventually(lambda: queues.batches())
    assert queues.batches() == [["a"]]


def test_a_queue_that_hides_for_less_than_the_functions_timeout_is_refused(
    account: Any, queues: Any
) -> None:
    queues.hide(0)
    with pytest.raises(account.api.exceptions.InvalidParameterValueException, match="visibility"):
        queues.map()


def test_a_full_batch_does_not_wait_for_its_window(
    queues: Any, eventually: Callable[..., Any]
) -> None:
    queues.map(BatchSize=15, MaximumBatchingWindowInSeconds=300)
    queues.send(*map(str, range(15)))
    eventually(lambda: len(queues.seen()) == 15)
    assert len(queues.batches()) == 1


def test_a_role_that_may_not_read_is_refused(account: Any, queues: Any) -> None:
    with pytest.raises(
        account.api.exceptions.InvalidParameterValueException, match="sqs:GetQueueAttributes"
    ):
        queues.map(role=account.role("logs:*"))


def test_a_role_that_may_not_receive_says_so(
    account: Any, queues: Any, eventually: Callable[..., Any]
) -> None:
    identity = queues.map(role=account.role("logs:*", "sqs:GetQueueAttributes"))
    queues.send("a")

    def result() -> str:
        mapping = account.api.get_event_source_mapping(UUID=identity)
        return str(mapping["LastProcessingResult"])

    eventually(lambda: "sqs:ReceiveMessage" in result())
    assert queues.left() == 1


def test_a_disabled_mapping_rests(
    account: Any, queues: Any, eventually: Callable[..., Any]
) -> None:
    identity = queues.map(Enabled=False)
    queues.send("a")
    time.sleep(0.6)
    assert queues.seen() == []
    account.api.update_event_source_mapping(UUID=identity, Enabled=True)
    eventually(lambda: queues.seen() == ["a"])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"BatchSize": 11}, "batch window"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, "filter pattern"),
        ({"EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}, "kinesis"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    account: Any, queues: Any, settings: dict[str, Any], reason: str
) -> None:
    request = {"FunctionName": account.function(RECORDER), "EventSourceArn": queues.arn, **settings}
    with pytest.raises(account.api.exceptions.InvalidParameterValueException, match=reason):
        account.api.create_event_source_mapping(**request)
