"""The metrics Step Functions keeps of a state machine's executions (namespace AWS/States)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.workflows.execution import Execution

if TYPE_CHECKING:
    from localcloud.cloud import Cloud

_NAMES = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def record(cloud: Cloud, execution: Execution) -> None:
    """Count a change of status, where the cloud runs CloudWatch."""
    add = getattr(cloud.services.get("cloudwatch"), "record", None)
    status = str(execution.description["status"])
    if add is None or status not in _NAMES:
        return
    dimensions = {"StateMachineArn": execution.start.machine.arn}
    add("AWS/States", _NAMES[status], dimensions, 1, "Count")
    if execution.started_at and execution.stopped_at:
        lasted = (execution.stopped_at - execution.started_at).total_seconds() * 1000
        add("AWS/States", "ExecutionTime", dimensions, lasted, "Milliseconds")
