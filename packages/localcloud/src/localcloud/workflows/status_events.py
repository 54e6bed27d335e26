"""The EventBridge event of an execution's change of status."""

from __future__ import annotations

from typing import Any

from localcloud.account import Account
from localcloud.workflows.execution import Execution

SOURCE = "aws.states"
DETAIL_TYPE = "Step Functions Execution Status Change"


def emit(account: Account, execution: Execution) -> None:
    """Put the event onto the default bus. Express workflows have none, as on AWS."""
    if not execution.start.machine.is_express:
        account.events.emit(SOURCE, DETAIL_TYPE, detail(execution), [execution.start.arn])


def detail(execution: Execution) -> dict[str, Any]:
    """The event's detail: DescribeExecution's members, times in milliseconds."""
    described = execution.description
    members = {
        name: described.get(name)
        for name in (
            "executionArn",
            "stateMachineArn",
            "name",
            "status",
            "input",
            "inputDetails",
            "output",
            "outputDetails",
            "error",
            "cause",
            "redriveCount",
            "redriveStatus",
            "redriveStatusReason",
        )
    }
    times = {"startDate": execution.started_at, "stopDate": execution.stopped_at}
    milliseconds = {
        name: int(when.timestamp() * 1000) if when else None for name, when in times.items()
    }
    return {**members, **milliseconds}
