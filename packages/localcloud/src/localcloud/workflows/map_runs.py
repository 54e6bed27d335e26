"""Map Runs: the items of a distributed Map, each in an execution of its own."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from localcloud.calls import ServiceError
from localcloud.workflows import json_values
from localcloud.workflows.branch import Environment, Visit
from localcloud.workflows.cancellation import Cancellation
from localcloud.workflows.execution import RUNNING, Execution, Start
from localcloud.workflows.map_items import Item
from localcloud.workflows.state_machines import StateMachine

_COUNTS = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "timedOut",
    "ABORTED": "aborted",
    RUNNING: "running",
}
# Makes an execution of one item.
Child = Callable[[Start, Environment, Cancellation], Execution]


@dataclass
class MapRun:
    """One visit of a distributed Map. `limits` are its concurrency and its tolerance.

    Its items are known once they have been read.
    """

    arn: str
    environment: Environment
    machine: StateMachine
    limits: dict[str, Any]
    started_at: datetime
    child: Child
    items: list[Item] = field(default_factory=list)
    status: str = RUNNING
    stopped_at: datetime | None = None
    children: list[tuple[Item, Execution]] = field(default_factory=list)

    def run(self, item: Item, cancellation: Cancellation) -> Execution:
        """Run one item in a child execution, to its end."""
        name = str(uuid.uuid4())
        kind = "express" if self.machine.is_express else "execution"
        arn = f"{self.machine.arn.replace(':stateMachine:', f':{kind}:')}:{name}"
        environment = replace(self.environment, execution_arn=arn, machine=self.machine)
        text = json_values.to_text(item.input)
        start = Start(arn, name, text, self.machine, self.arn, item.context)
        child = self.child(start, environment, cancellation)
        self.children.append((item, child))
        child.begin()
        child.ended.wait()
        return child

    def end(self, status: str) -> None:
        self.status, self.stopped_at = status, self.environment.clock.now()

    @property
    def summary(self) -> dict[str, Any]:
        """What ListMapRuns says of it."""
        return {
            "executionArn": self.environment.execution_arn,
            "mapRunArn": self.arn,
            "stateMachineArn": self.machine.arn,
            "startDate": self.started_at,
            **({"stopDate": self.stopped_at} if self.stopped_at else {}),
        }

    @property
    def description(self) -> dict[str, Any]:
        """What DescribeMapRun says of it."""
        summary = {**self.summary}
        del summary["stateMachineArn"]
        ended = [(item, child.status) for item, child in list(self.children)]
        items = ((status, item.count) for item, status in ended)
        executions = ((status, 1) for _, status in ended)
        return {
            **summary,
            **self.limits,
            "status": self.status,
            "itemCounts": _counts(items, sum(item.count for item in self.items)),
            "executionCounts": _counts(executions, len(self.items)),
            "redriveCount": 0,
        }


def _counts(statuses: Iterable[tuple[str, int]], total: int) -> dict[str, int]:
    found: Counter[str] = Counter()
    for status, count in statuses:
        found[status] += count
    counts = {name: found[status] for status, name in _COUNTS.items()}
    pending = total - sum(counts.values())
    return {**counts, "pending": pending, "resultsWritten": 0, "total": total}


class MapRuns:
    """All Map Runs, by ARN. `child` makes an execution of one item."""

    def __init__(self, child: Child) -> None:
        self._child, self._runs = child, dict[str, MapRun]()

    def begin(self, visit: Visit, processor: Mapping[str, Any], limits: dict[str, Any]) -> MapRun:
        """A Map Run that is known from now on."""
        parent = visit.environment.machine
        label = visit.state.get("Label", visit.name.replace(" ", "")[:40])
        arn = f"{parent.arn.replace(':stateMachine:', ':mapRun:')}/{label}:{uuid.uuid4()}"
        machine = _child_machine(parent, processor, label)
        now = visit.environment.clock.now()
        run = MapRun(arn, visit.environment, machine, limits, now, self._child)
        self._runs[arn] = run
        return run

    def get(self, arn: str) -> MapRun:
        if arn not in self._runs:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        return self._runs[arn]

    def of_execution(self, arn: str) -> list[MapRun]:
        """The newest first."""
        found = [run for run in list(self._runs.values()) if run.environment.execution_arn == arn]
        return found[::-1]


def _child_machine(parent: StateMachine, processor: Mapping[str, Any], label: str) -> StateMachine:
    machine = {"QueryLanguage": parent.language, **processor}
    return replace(
        parent,
        arn=f"{parent.arn}/{label}",
        name=f"{parent.name}/{label}",
        kind=processor["ProcessorConfig"]["ExecutionType"],
        machine=machine,
        definition=json_values.to_text(processor),
        label=label,
    )
