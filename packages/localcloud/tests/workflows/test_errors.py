"""Retry, Catch and time-outs."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from localcloud.workflows.errors import StateError
from localcloud.workflows.retries import Retries, takes

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": FUNCTION, "End": True, **fields}


def fail(name: str) -> Any:
    kind = type(name, (Exception,), {})

    def handler(event: Any) -> Any:
        raise kind("broken")

    return handler


@pytest.mark.parametrize(
    ("names", "error", "taken"),
    [
        (["States.ALL"], "Anything", True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.TaskFailed", True),
        (["States.ALL"], "States.DataLimitExceeded", True),
        (["States.TaskFailed"], "States.DataLimitExceeded", False),
        (["States.ALL"], "States.Runtime", False),
        (["States.TaskFailed"], "Anything", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.TaskFailed"], "States.HeartbeatTimeout", False),
        (["States.TaskFailed"], "States.Runtime", False),
        (["States.Timeout"], "States.HeartbeatTimeout", True),
        (["States.HeartbeatTimeout"], "States.Timeout", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.Runtime"], "States.Runtime", False),
        (["Other", "Mine"], "Mine", True),
        (["mine"], "Mine", False),
    ],
)
def test_which_errors_a_rule_takes(names: list[str], error: str, taken: bool) -> None:
    assert takes(names, error) is taken


def delays(error: str, **retrier: Any) -> list[float]:
    retries = Retries({"Retry": [{"ErrorEquals": ["E"], **retrier}]})
    found = []
    while (delay := retries.delay(StateError(error))) is not None:
        found.append(delay)
    return found


@pytest.mark.parametrize(
    ("retrier", "expected"),
    [
        ({}, [1, 2, 4]),
        ({"IntervalSeconds": 3, "MaxAttempts": 2}, [3, 6]),
        ({"MaxAttempts": 0}, []),
        ({"BackoffRate": 1.0, "MaxAttempts": 4}, [1, 1, 1, 1]),
        ({"IntervalSeconds": 4, "MaxAttempts": 4, "MaxDelaySeconds": 10}, [4, 8, 10, 10]),
        ({"BackoffRate": 1.5, "MaxAttempts": 3}, [1, 1.5, 2.25]),
    ],
)
def test_delays(retrier: Any, expected: list[float]) -> None:
    assert delays("E", **retrier) == expected
    assert delays("Other", **retrier) == []


def test_full_jitter_stays_below_the_interval() -> None:
    found = delays("E", JitterStrategy="FULL", IntervalSeconds=8, BackoffRate=1.0, MaxAttempts=50)
    assert all(0 <= delay <= 8 for delay in found)
    assert len(set(found)) > 1


def test_endless_backoff_is_at_most_the_longest_delay() -> None:
    retries = Retries({"Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 99_999_999}]})
    assert max(retries.delay(StateError("E")) or 0 for _ in range(3000)) == 31_622_400


def test_retriers_count_apart() -> None:
    """The example of the Amazon States Language's specification."""
    retries = Retries(
        {
            "Retry": [
                {"ErrorEquals": ["A", "B"], "IntervalSeconds": 1, "MaxAttempts": 2},
                {"ErrorEquals": ["C"], "IntervalSeconds": 5},
            ]
        }
    )
    assert [retries.delay(StateError(name)) for name in "ABCB"] == [1, 2, 5, None]


def test_a_retry_waits_in_the_clouds_time(workflows: Any, cloud: Any, machine: Any) -> None:
    calls: list[float] = []

    def handler(event: Any) -> Any:
        calls.append(cloud.clock.time())
        if len(calls) < 3:
            raise OSError("not yet")
        return len(calls)

    cloud.function(handler)
    retrier = {"ErrorEquals": ["OSError"], "IntervalSeconds": 60, "BackoffRate": 3.0}
    arn = workflows.start(machine(T=task(Retry=[retrier])))
    for number, seconds in ((1, 60), (2, 180)):
        workflows.until(lambda number=number: len(calls) == number)
        time.sleep(0.02)
        cloud.clock.advance(timedelta(seconds=seconds - 1))
        time.sleep(0.15)
        assert len(calls) == number
        cloud.clock.advance(timedelta(seconds=1.5))
    assert workflows.wait(arn)["output"] == "3"
    assert workflows.kinds(arn).count("LambdaFunctionFailed") == 2


def test_the_first_catcher_that_takes_the_error_wins(
    workflows: Any, cloud: Any, machine: Any
) -> None:
    cloud.function(fail("Mine"))
    catchers = [
        {"ErrorEquals": ["Other"], "Next": "A"},
        {"ErrorEquals": ["Mine"], "Next": "B", "ResultPath": "$.error"},
        {"ErrorEquals": ["States.ALL"], "Next": "A"},
    ]
    definition = machine(
        T=task(Catch=catchers),
        A={"Type": "Fail"},
        B={"Type": "Pass", "Parameters": {"error.$": "$.error.Error", "kept.$": "$.kept"}},
    )
    assert workflows.output(definition, {"kept": 1}) == {"error": "Mine", "kept": 1}


def test_retries_come_before_catchers(
    workflows: Any, cloud: Any, machine: Any, running_time: None
) -> None:
    calls: list[Any] = []

    def handler(event: Any) -> Any:
        calls.append(event["retry"])
        raise ValueError("no")

    cloud.function(handler)
    definition = machine(
        "JSONata",
        T=task(
            Arguments={"retry": "{% $states.context.State.RetryCount %}"},
            Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}],
            Catch=[
                {
                    "ErrorEquals": ["States.ALL"],
                    "Next": "End",
                    "Assign": {"why": "{% $parse($states.errorOutput.Cause).errorMessage %}"},
                    "Output": {"was": "{% $states.input.x %}"},
                }
            ],
        ),
        End={"Type": "Pass", "Output": "{% [$why, $states.input.was] %}"},
    )
    assert workflows.output(definition, {"x": 1}) == ["no", 1]
    assert calls == [0, 1, 2]


def test_an_error_nobody_takes_fails_the_execution(
    workflows: Any, cloud: Any, machine: Any
) -> None:
    cloud.function(fail("Mine"))
    described = workflows.run(machine(T=task()))
    assert (described["status"], described["error"]) == ("FAILED", "Mine")
    assert "broken" in described["cause"]


@pytest.mark.parametrize(
    ("language", "fields"),
    [
        ("JSONPath", {"Error": "Mine", "Cause": "why"}),
        ("JSONPath", {"ErrorPath": "$.e", "CausePath": "States.Format('{}', $.c)"}),
        ("JSONata", {"Error": "{% $states.input.e %}", "Cause": "{% $states.input.c %}"}),
    ],
)
def test_fail(
    workflows: Any,
    machine: Any,
    language: str,
    fields: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    described = workflows.run(
        machine(language, F={"Type": "Fail", **fields}), {"e": "Mine", "c": "why"}
    )
    assert (described["error"], described["cause"]) == ("Mine", "why")
    assert f"{described['executionArn']} is FAILED: Mine why" in caplog.text


@pytest.mark.parametrize(
    ("language", "limit"),
    [
        ("JSONPath", {"TimeoutSeconds": 30}),
        ("JSONPath", {"TimeoutSecondsPath": "$.limit"}),
        ("JSONata", {"TimeoutSeconds": "{% $states.input.limit %}"}),
    ],
)
def test_a_task_that_takes_too_long_times_out(
    workflows: Any, cloud: Any, machine: Any, language: str, limit: Any
) -> None:
    called, released = threading.Event(), threading.Event()

    def handler(event: Any) -> Any:
        called.set()
        released.wait(10)

    cloud.function(handler)
    catcher = {"ErrorEquals": ["States.Timeout"], "Next": "Late"}
    definition = machine(
        language, T=task(Catch=[catcher], **limit), Late={"Type": "Pass", "End": True}
    )
    arn = workflows.start(definition, {"limit": 30})
    assert called.wait(5)
    cloud.clock.advance(timedelta(seconds=31))
    assert workflows.wait(arn)["status"] == "SUCCEEDED"
    assert "LambdaFunctionTimedOut" in workflows.kinds(arn)
    released.set()


def test_a_machine_that_takes_too_long_times_out(workflows: Any, cloud: Any, machine: Any) -> None:
    definition = {**machine(W={"Type": "Wait", "Seconds": 1000}), "TimeoutSeconds": 60}
    arn = workflows.start(definition)
    workflows.until(lambda: "WaitStateEntered" in workflows.kinds(arn))
    cloud.clock.advance(timedelta(seconds=61))
    assert workflows.wait(arn)["status"] == "TIMED_OUT"
    assert workflows.kinds(arn)[-2:] == ["WaitStateAborted", "ExecutionTimedOut"]


@pytest.mark.parametrize(
    ("language", "fields"),
    [
        ("JSONPath", {"Seconds": 3600}),
        ("JSONPath", {"SecondsPath": "$.seconds"}),
        ("JSONPath", {"TimestampPath": "$.until"}),
        ("JSONata", {"Seconds": "{% $states.input.seconds %}"}),
        ("JSONata", {"Timestamp": "{% $states.input.until %}"}),
    ],
)
def test_wait(workflows: Any, cloud: Any, machine: Any, language: str, fields: Any) -> None:
    until = (cloud.clock.now() + timedelta(seconds=3600)).isoformat().replace("+00:00", "Z")
    arn = workflows.start(
        machine(language, W={"Type": "Wait", **fields}), {"seconds": 3600, "until": until}
    )
    workflows.until(lambda: "WaitStateEntered" in workflows.kinds(arn))
    cloud.clock.advance(timedelta(seconds=3500))
    time.sleep(0.15)
    assert workflows.describe(arn)["status"] == "RUNNING"
    cloud.clock.advance(timedelta(seconds=101))
    assert workflows.wait(arn)["status"] == "SUCCEEDED"


def test_a_wait_for_no_timestamp_fails(workflows: Any, machine: Any) -> None:
    definition = machine(W={"Type": "Wait", "TimestampPath": "$.x"})
    described = workflows.run(definition, {"x": "soon"})
    assert described["error"] == "States.Runtime"
    assert "soon" in described["cause"]
