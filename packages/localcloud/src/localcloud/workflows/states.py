"""The states that need nothing of the cloud: Pass, Choice, Wait, Succeed, Fail."""

from __future__ import annotations

from datetime import datetime, timedelta

from localcloud.workflows import timestamps
from localcloud.workflows.branch import Handler, Visit
from localcloud.workflows.data_flow import DataFlow, Outcome
from localcloud.workflows.errors import StateError, WorkCancelledError
from localcloud.workflows.fields import MAX_SECONDS
from localcloud.workflows.jsonata_flow import JsonataFlow
from localcloud.workflows.map_state import run_map
from localcloud.workflows.parallel_state import run_parallel
from localcloud.workflows.task_state import run_task


def run_pass(visit: Visit) -> Outcome:
    flow = visit.flow()
    if isinstance(flow, JsonataFlow):
        return flow.pass_through()
    if "Result" in visit.state:
        return flow.leave(visit.state["Result"])
    return flow.leave(flow.arguments())


def run_choice(visit: Visit) -> Outcome:
    flow = visit.flow()
    for index in range(len(visit.state["Choices"])):
        if flow.matches(index):
            return flow.pass_through(index)
    if "Default" not in visit.state:
        raise StateError(
            "States.NoChoiceMatched",
            f"No choice rule of the state '{visit.name}' matched, and it has no Default",
        )
    return flow.pass_through()


def run_wait(visit: Visit) -> Outcome:
    flow, clock = visit.flow(), visit.environment.clock
    if not clock.wait_until(_wait_end(flow, clock.now()), visit.cancellation):
        raise WorkCancelledError
    return flow.pass_through()


def _wait_end(flow: DataFlow, now: datetime) -> datetime:
    seconds = flow.integer("Seconds", least=0, most=MAX_SECONDS)
    if seconds is not None:
        return now + timedelta(seconds=seconds)
    timestamp = flow.field("Timestamp")
    if not isinstance(timestamp, str):
        raise flow.mistyped("Timestamp", "string", timestamp)
    try:
        return timestamps.from_text(timestamp)
    except ValueError as error:
        raise flow.mistyped("Timestamp", "timestamp", timestamp) from error


def run_succeed(visit: Visit) -> Outcome:
    return visit.flow().pass_through()


def run_fail(visit: Visit) -> Outcome:
    flow = visit.flow()
    texts = {name: flow.field(name) for name in ("Error", "Cause")}
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise flow.mistyped(name, "string", text)
    raise StateError(texts["Error"] or "", texts["Cause"] or "")


HANDLERS: dict[str, Handler] = {
    "Pass": run_pass,
    "Task": run_task,
    "Choice": run_choice,
    "Wait": run_wait,
    "Succeed": run_succeed,
    "Fail": run_fail,
    "Parallel": run_parallel,
    "Map": run_map,
}
