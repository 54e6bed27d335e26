"""Executions, counted as CloudWatch shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from localcloud.workflows import metrics

MACHINE = {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m"}
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


class FakeMetrics:
    def __init__(self) -> None:
        self.recorded: list[tuple[Any, ...]] = []

    def record(self, *measured: Any) -> None:
        self.recorded.append(measured)


def execution(status: str, stopped_at: datetime | None = None) -> Any:
    start = SimpleNamespace(machine=SimpleNamespace(arn=MACHINE["StateMachineArn"]))
    return SimpleNamespace(
        start=start, description={"status": status}, started_at=STARTED, stopped_at=stopped_at
    )


def test_a_start_and_a_failure_are_counted_and_the_time_between_is_measured() -> None:
    watch = FakeMetrics()
    account: Any = SimpleNamespace(metrics=watch)
    metrics.record(account, execution("RUNNING"))
    metrics.record(account, execution("FAILED", STARTED + timedelta(seconds=2)))
    assert watch.recorded == [
        ("AWS/States", "ExecutionsStarted", MACHINE, 1, "Count"),
        ("AWS/States", "ExecutionsFailed", MACHINE, 1, "Count"),
        ("AWS/States", "ExecutionTime", MACHINE, 2000.0, "Milliseconds"),
    ]
