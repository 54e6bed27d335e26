"""The metrics Step Functions keeps of a state machine's executions (namespace AWS/States)."""

from __future__ import annotations

from localcloud.account import Account
from localcloud.workflows.execution import Execution

_NAMES = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def record(account: Account, execution: Execution) -> None:
    """Count a change of status."""
    add, status = account.metrics.record, str(execution.description["status"])
    if status not in _NAMES:
        return
    dimensions = {"StateMachineArn": execution.start.machine.arn}
    add("AWS/States", _NAMES[status], dimensions, 1, "Count")
    if execution.started_at and execution.stopped_at:
        lasted = (execution.stopped_at - execution.started_at).total_seconds() * 1000
        add("AWS/States", "ExecutionTime", dimensions, lasted, "Milliseconds")
