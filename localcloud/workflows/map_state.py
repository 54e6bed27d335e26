"""The Map state: its processor run for every item, so many at once, so many failures allowed."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.workflows import map_items, map_results
from localcloud.workflows.branch import Visit
from localcloud.workflows.cancellation import Cancellation, in_thread
from localcloud.workflows.data_flow import DataFlow, Outcome
from localcloud.workflows.errors import StateError, WorkCancelledError
from localcloud.workflows.json_values import is_number
from localcloud.workflows.map_items import Item
from localcloud.workflows.map_results import ItemResult
from localcloud.workflows.parallel_state import gather
from localcloud.workflows.scope import Scope

# An inline Map runs at most this many iterations at once; here a distributed one too.
MAX_CONCURRENCY = 40


def run_map(visit: Visit) -> Outcome:
    flow = visit.flow()
    processor = visit.state.get("ItemProcessor") or visit.state["Iterator"]
    distributed = processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
    items = map_items.items_of(visit, flow)
    tolerance = _tolerance(flow, len(items))
    concurrency = flow.integer("MaxConcurrency", least=0) or MAX_CONCURRENCY
    work = _MapWork(visit, processor, items, tolerance, distributed)
    run_arn = _map_run_arn(visit)
    work.record("Started", run_arn)
    try:
        results = work.run(min(concurrency, MAX_CONCURRENCY, len(items)))
    except StateError as error:
        work.record("Failed", run_arn, error)
        raise
    work.record("Succeeded", run_arn)
    return flow.leave(map_results.finish(results, visit, flow, run_arn))


def _map_run_arn(visit: Visit) -> str:
    machine = visit.environment.state_machine_arn.replace(":stateMachine:", ":mapRun:")
    label = visit.state.get("Label", visit.name.replace(" ", "")[:40])
    return f"{machine}/{label}:{uuid.uuid4()}"


@dataclass(frozen=True)
class _Tolerance:
    """How many items may fail. `declared`: the state says so, be it zero."""

    count: int
    declared: bool


def _tolerance(flow: DataFlow, total: int) -> _Tolerance:
    count = flow.integer("ToleratedFailureCount", least=0)
    percentage = flow.field("ToleratedFailurePercentage")
    if percentage is not None and not (is_number(percentage) and 0 <= percentage <= 100):
        raise flow.mistyped("ToleratedFailurePercentage", "a number from 0 to 100")
    allowed = [total if percentage is None else int(total * percentage / 100)]
    if count is not None:
        allowed.append(count)
    declared = count is not None or percentage is not None
    return _Tolerance(min(allowed) if declared else 0, declared)


class _MapWork:
    """The items of one visit of a Map state, shared out to workers."""

    def __init__(
        self,
        visit: Visit,
        processor: dict[str, Any],
        items: Sequence[Item],
        tolerance: _Tolerance,
        distributed: bool,
    ) -> None:
        self._visit, self._processor, self._items = visit, processor, items
        self._tolerance, self._distributed = tolerance, distributed
        self._cancellation = visit.cancellation.child()
        self._results: list[ItemResult | None] = [None] * len(items)
        self._next, self._failures, self._lock = 0, 0, threading.Lock()

    def record(self, kind: str, run_arn: str, error: StateError | None = None) -> None:
        trail = self._visit.trail
        if self._distributed:
            if kind == "Started":
                details = {"mapRunArn": run_arn}
                trail.add("MapRunStarted", "mapRunStartedEventDetails", **details)
            elif error is not None:
                details = {"error": error.error, "cause": error.cause}
                trail.add("MapRunFailed", "mapRunFailedEventDetails", **details)
            else:
                trail.add("MapRunSucceeded")
        elif kind == "Started":
            trail.add("MapStateStarted", "mapStateStartedEventDetails", length=len(self._items))
        else:
            trail.add(f"MapState{kind}")

    def run(self, workers: int) -> list[ItemResult]:
        gather([in_thread(self._work) for _ in range(workers)], self._cancellation)
        return [result for result in self._results if result is not None]

    def _work(self) -> None:
        while (index := self._take()) is not None:
            self._results[index] = self._run_item(index, self._cancellation)

    def _take(self) -> int | None:
        self._cancellation.check()
        with self._lock:
            if self._next == len(self._items):
                return None
            self._next += 1
            return self._next - 1

    def _run_item(self, index: int, cancellation: Cancellation) -> ItemResult:
        item, visit = self._items[index], self._visit
        context = {**visit.branch.context, "Map": {"Item": item.context}}
        # The children of a distributed Map are executions of their own: they see no variables.
        scope = Scope() if self._distributed else None
        branch = visit.branch.inner(self._processor, cancellation, context, scope)
        details = {"name": visit.name, "index": index}
        member = "mapIteration{}EventDetails"
        branch.trail.add("MapIterationStarted", member.format("Started"), **details)
        try:
            output = branch.run(item.input)
        except StateError as error:
            branch.trail.add("MapIterationFailed", member.format("Failed"), **details)
            self._count_failure(error)
            return ItemResult(item, None, error)
        except WorkCancelledError:
            branch.trail.add("MapIterationAborted", member.format("Aborted"), **details)
            raise
        branch.trail.add("MapIterationSucceeded", member.format("Succeeded"), **details)
        return ItemResult(item, output, None)

    def _count_failure(self, error: StateError) -> None:
        with self._lock:
            self._failures += 1
            exceeded = self._failures > self._tolerance.count
        if not exceeded:
            return
        if not self._distributed and not self._tolerance.declared:
            raise error
        raise StateError(
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        ) from error
