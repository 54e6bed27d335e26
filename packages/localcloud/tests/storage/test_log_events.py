"""Log events by the cloud's time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud


@pytest.fixture
def logs(ground: Cloud) -> Any:
    client = ground.client("logs")
    client.create_log_group(logGroupName="app")
    client.create_log_stream(logGroupName="app", logStreamName="one")
    return client


def put(logs: Any, *seconds: float, stream: str = "one", group: str = "app") -> dict[str, Any]:
    events = [
        {"timestamp": int(at * 1000), "message": str(number)} for number, at in enumerate(seconds)
    ]
    answer: dict[str, Any] = logs.put_log_events(
        logGroupName=group, logStreamName=stream, logEvents=events
    )
    return answer


def kept(logs: Any) -> list[str]:
    return [event["message"] for event in logs.filter_log_events(logGroupName="app")["events"]]


def test_events_are_kept_however_far_the_clock_was_advanced(ground: Cloud, logs: Any) -> None:
    put(logs, ground.clock.time())
    ground.clock.advance(timedelta(days=400))
    answer = put(logs, ground.clock.time())
    assert "rejectedLogEventsInfo" not in answer
    assert kept(logs) == ["0", "0"]


def test_events_of_another_time_are_rejected_by_their_place(ground: Cloud, logs: Any) -> None:
    now = ground.clock.time()
    rejected = put(logs, now - 15 * 86400, now, now + 3 * 3600)["rejectedLogEventsInfo"]
    assert rejected == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    assert kept(logs) == ["1"]


def test_disorder_and_missing_streams_are_refused(ground: Cloud, logs: Any) -> None:
    now = ground.clock.time()
    with pytest.raises(ClientError, match="chronological"):
        put(logs, now, now - 1)
    with pytest.raises(ClientError, match="log stream does not exist"):
        put(logs, now, stream="two")
    with pytest.raises(ClientError, match="log group does not exist"):
        put(logs, now, group="no")


def test_events_are_found_by_their_pattern(ground: Cloud, logs: Any) -> None:
    now = int(ground.clock.time() * 1000)
    messages = ['{"level": "ERROR", "at": 1}', '{"level": "INFO"}', "plain ERROR"]
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName="app", logStreamName="one", logEvents=events)

    def found(pattern: str) -> list[str]:
        answer = logs.filter_log_events(logGroupName="app", filterPattern=pattern)
        return [event["message"] for event in answer["events"]]

    assert found("") == messages
    assert found("?ERROR ?WARN") == [messages[0], messages[2]]
    assert found('{ $.level = "ERROR" }') == messages[:1]
    with pytest.raises(ClientError, match="Invalid filter pattern"):
        found("{ $.level = ")
