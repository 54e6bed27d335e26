"""Events: retries in the cloud's time, destinations, dead letters."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

SOURCE = """
    import os
    def handler(event, context):
        with open(event["file"], "a") as file:
            file.write("x")
        if event.get("fail"):
            raise ValueError("壊れた")
        return {"done": True}
"""


def queue(account: Any) -> tuple[str, str]:
    sqs = account.cloud.client("sqs")
    url = sqs.create_queue(QueueName=account.unique("destination"))["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, found["Attributes"]["QueueArn"]


def received(account: Any, url: str) -> list[dict[str, Any]]:
    sqs = account.cloud.client("sqs")
    answer = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def send(account: Any, name: str, **event: Any) -> None:
    answer = account.api.invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps(event)
    )
    assert answer["StatusCode"] == 202


def runs(file: Path) -> int:
    return len(file.read_text()) if file.exists() else 0


def test_a_failing_event_is_tried_three_times_then_given_to_the_destination(
    account: Any, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    url, arn = queue(account)
    dead_url, dead_arn = queue(account)
    name = account.function(
        SOURCE,
        Role=account.role("logs:*", "sqs:SendMessage"),
        DeadLetterConfig={"TargetArn": dead_arn},
    )
    account.api.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    file = tmp_path / "runs"
    send(account, name, file=str(file), fail=True)
    eventually(lambda: runs(file) == 1)
    time.sleep(0.5)
    assert runs(file) == 1
    account.cloud.clock.advance(timedelta(seconds=61))
    eventually(lambda: runs(file) == 2)
    # The second wait begins when the second attempt has ended.
    eventually(lambda: account.cloud.clock.advance(timedelta(seconds=121)) and runs(file) == 3)
    record = json.loads(eventually(lambda: received(account, url))[0]["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"file": str(file), "fail": True}
    assert record["responsePayload"]["errorMessage"] == "壊れた"
    dead = eventually(lambda: received(account, dead_url))[0]
    assert json.loads(dead["Body"])["fail"] is True
    assert dead["MessageAttributes"]["ErrorMessage"]["StringValue"] == "壊れた"


def test_success_has_a_destination_too(
    account: Any, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    url, arn = queue(account)
    name = account.function(SOURCE, Role=account.role("logs:*", "sqs:SendMessage"))
    account.api.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    send(account, name, file=str(tmp_path / "runs"))
    record = json.loads(eventually(lambda: received(account, url))[0]["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"done": True}


def test_throttled_events_wait_for_their_turn(
    account: Any, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    name = account.function(SOURCE)
    account.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    file = tmp_path / "runs"
    for _ in range(10):
        send(account, name, file=str(file))

    def all_ran() -> bool:
        account.cloud.clock.advance(timedelta(seconds=20))
        return runs(file) == 10

    eventually(all_ran)


def test_a_destination_the_role_may_not_reach_is_said(
    account: Any, tmp_path: Path, eventually: Callable[..., Any], caplog: Any
) -> None:
    _, arn = queue(account)
    name = account.function(SOURCE, Role=account.role("logs:*"))
    account.api.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    send(account, name, file=str(tmp_path / "runs"))
    eventually(lambda: "sqs:SendMessage" in caplog.text)
