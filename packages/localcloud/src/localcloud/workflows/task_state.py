"""The Task state: one attempt of its work, its time-outs, its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.workflows import json_values
from localcloud.workflows.activities import ScheduledTask
from localcloud.workflows.branch import Visit
from localcloud.workflows.cancellation import Cancellation
from localcloud.workflows.data_flow import DataFlow, Outcome
from localcloud.workflows.errors import StateError, WorkCancelledError
from localcloud.workflows.history import Trail
from localcloud.workflows.integrations.calls import Caller
from localcloud.workflows.integrations.resource import TASK_TOKEN, Resource, parse
from localcloud.workflows.integrations.tasks import Task
from localcloud.workflows.task_tokens import WaitingTask

_NOT_TRUNCATED = {"truncated": False}
_PREFIXES = {"function": "LambdaFunction", "activity": "Activity"}
_TIMEOUTS = {"States.Timeout", "States.HeartbeatTimeout"}


def run_task(visit: Visit) -> Outcome:
    """One attempt. StateError under the name that Retry and Catch match."""
    resource = parse(visit.state["Resource"])
    if resource.pattern != TASK_TOKEN:
        return _attempt(visit, resource, visit.flow(), None)
    tokens = visit.environment.tokens
    waiting = tokens.issue()
    try:
        return _attempt(visit, resource, visit.flow(Task={"Token": waiting.token}), waiting)
    finally:
        tokens.close(waiting)


def _attempt(
    visit: Visit, resource: Resource, flow: DataFlow, waiting: WaitingTask | None
) -> Outcome:
    arguments = flow.arguments()
    json_values.check_size(arguments, f"The arguments of the state '{visit.name}'")
    timeout = flow.integer("TimeoutSeconds", least=1)
    heartbeat = flow.integer("HeartbeatSeconds", least=1)
    cancellation = visit.cancellation.child(timeout)
    events = _Events(visit.trail, resource, visit.environment.region)
    environment = visit.environment
    task = Task(
        Caller(resource, environment.client, cancellation),
        arguments,
        events.submitted,
        waiting,
        heartbeat,
        (environment.execution_arn, environment.machine.arn),
        lambda task: environment.activities.schedule(
            resource.arn, ScheduledTask(task, json_values.to_text(arguments), events.started)
        ),
    )
    events.scheduled(arguments, timeout, heartbeat)
    result = _observed(events, lambda: _checked(_timed(task, cancellation), resource))
    events.succeeded(result)
    return flow.leave(result)


def _checked(result: Any, resource: Resource) -> Any:
    if json_values.size(result) > json_values.MAX_PAYLOAD_BYTES:
        whose = resource.resource_type if resource.kind in {"optimized", "sdk"} else resource.arn
        raise StateError(
            "States.DataLimitExceeded",
            f"The state/task '{whose}' returned a result with a size exceeding the maximum number "
            "of bytes service limit.",
        )
    return result


def _timed(task: Task, cancellation: Cancellation) -> Any:
    try:
        return task.perform()
    except WorkCancelledError:
        if cancellation.parent is not None and cancellation.parent.is_set():
            raise
        raise StateError("States.Timeout", "The task ran longer than TimeoutSeconds") from None


def _observed(events: _Events, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except StateError as error:
        events.failed(error)
        raise


class _Events:
    """A task's events: those of Lambda functions and activities have names of their own."""

    def __init__(self, trail: Trail, resource: Resource, region: str) -> None:
        self._trail, self._resource, self._region = trail, resource, region
        self._prefix = _PREFIXES.get(resource.kind, "Task")
        self._names = {"resourceType": resource.resource_type, "resource": resource.action}

    def scheduled(self, arguments: Any, timeout: int | None, heartbeat: int | None) -> None:
        text = json_values.to_text(arguments)
        limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
        given = {name: value for name, value in limits.items() if value is not None}
        if self._prefix == "Task":
            self._add("Scheduled", region=self._region, parameters=text, **given)
            self._add("Started")
            return
        if self._prefix == "LambdaFunction":
            given.pop("heartbeatInSeconds", None)
        details = {"resource": self._resource.arn, "input": text, "inputDetails": _NOT_TRUNCATED}
        self._add("Scheduled", **details, **given)
        if self._prefix == "LambdaFunction":
            self._trail.add("LambdaFunctionStarted")

    def started(self, worker: str) -> None:
        """An activity's worker has fetched the task."""
        self._add("Started", **({"workerName": worker} if worker else {}))

    def submitted(self, answer: Any) -> None:
        self._add("Submitted", output=json_values.to_text(answer), outputDetails=_NOT_TRUNCATED)

    def succeeded(self, result: Any) -> None:
        self._add("Succeeded", output=json_values.to_text(result), outputDetails=_NOT_TRUNCATED)

    def failed(self, error: StateError) -> None:
        kind = "TimedOut" if error.error in _TIMEOUTS else "Failed"
        self._add(kind, error=error.error, cause=error.cause)

    def _add(self, kind: str, **details: Any) -> None:
        names = self._names if self._prefix == "Task" else {}
        member = f"{self._prefix[0].lower()}{self._prefix[1:]}{kind}EventDetails"
        self._trail.add(f"{self._prefix}{kind}", member, **names, **details)
