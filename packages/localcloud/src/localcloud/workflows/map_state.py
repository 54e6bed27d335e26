"""The Map state: its processor run for every item, so many at once, so many failures allowed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.workflows import map_items, map_results
from localcloud.workflows.branch import Visit
from localcloud.workflows.cancellation import in_thread
from localcloud.workflows.data_flow import DataFlow, Outcome
from localcloud.workflows.errors import StateError, WorkCancelledError
from localcloud.workflows.execution import SUCCEEDED
from localcloud.workflows.json_values import is_number
from localcloud.workflows.map_items import Item
from localcloud.workflows.map_results import ItemResult
from localcloud.workflows.map_runs import MapRun
from localcloud.workflows.parallel_state import gather

# An inline Map runs at most this many iterations at once; here a distributed one too.
MAX_CONCURRENCY = 40


def run_map(visit: Visit) -> Outcome:
    flow = visit.flow()
    processor = visit.state.get("ItemProcessor") or visit.state["Iterator"]
    distributed = processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
    items = map_items.items_of(visit, flow)
    tolerance = _tolerance(flow, len(items))
    concurrency = flow.integer("MaxConcurrency", least=0) or 0
    map_run: MapRun | None = None
    if distributed:
        limits = {"maxConcurrency": concurrency, **tolerance.limits}
        map_run = visit.environment.map_runs.begin(visit, processor, items, limits)
    work = _MapWork(visit, processor, items, tolerance, map_run)
    results = work.run(min(concurrency or MAX_CONCURRENCY, MAX_CONCURRENCY, len(items)))
    return flow.leave(map_results.finish(results, visit, flow, map_run.arn if map_run else None))


@dataclass(frozen=True)
class _Tolerance:
    """How many items may fail. `declared`: the state says so, be it zero."""

    count: int
    declared: bool
    limits: dict[str, int | float]


def _tolerance(flow: DataFlow, total: int) -> _Tolerance:
    count = flow.integer("ToleratedFailureCount", least=0)
    percentage = flow.field("ToleratedFailurePercentage")
    if percentage is not None and not (is_number(percentage) and 0 <= percentage <= 100):
        raise flow.mistyped("ToleratedFailurePercentage", "a number from 0 to 100")
    allowed = [total if percentage is None else int(total * percentage / 100)]
    if count is not None:
        allowed.append(count)
    declared = count is not None or percentage is not None
    limits = {
        "toleratedFailureCount": count or 0,
        "toleratedFailurePercentage": percentage or 0,
    }
    return _Tolerance(min(allowed) if declared else 0, declared, limits)


class _MapWork:
    """The items of one visit of a Map state, shared out to workers."""

    def __init__(
        self,
        visit: Visit,
        processor: dict[str, Any],
        items: Sequence[Item],
        tolerance: _Tolerance,
        map_run: MapRun | None,
    ) -> None:
        self._visit, self._processor, self._items = visit, processor, items
        self._tolerance, self._map_run = tolerance, map_run
        self._left = visit.branch.take_left()
        self._cancellation = visit.cancellation.child()
        self._results: list[ItemResult | None] = [None] * len(items)
        self._next, self._failures, self._lock = 0, 0, threading.Lock()

    def run(self, workers: int) -> list[ItemResult]:
        self._record_start()
        try:
            gather([in_thread(self._work) for _ in range(workers)], self._cancellation)
        except StateError as error:
            self._record_end("Failed", error)
            raise
        except WorkCancelledError:
            if self._map_run:
                self._visit.trail.add("MapRunAborted")
                self._map_run.end("ABORTED")
            raise
        self._record_end("Succeeded")
        return [result for result in self._results if result is not None]

    def _record_start(self) -> None:
        trail = self._visit.trail
        trail.add("MapStateStarted", "mapStateStartedEventDetails", length=len(self._items))
        if self._map_run:
            details = {"mapRunArn": self._map_run.arn}
            trail.add("MapRunStarted", "mapRunStartedEventDetails", **details)

    def _record_end(self, kind: str, error: StateError | None = None) -> None:
        trail = self._visit.trail
        if self._map_run and error:
            details = {"error": error.error, "cause": error.cause}
            trail.add("MapRunFailed", "mapRunFailedEventDetails", **details)
        elif self._map_run:
            trail.add("MapRunSucceeded")
        if self._map_run:
            self._map_run.end(kind.upper())
        trail.add(f"MapState{kind}")

    def _work(self) -> None:
        while (index := self._take()) is not None:
            if self._map_run:
                self._results[index] = self._run_child(self._items[index], self._map_run)
            else:
                self._results[index] = self._iterate(index)

    def _take(self) -> int | None:
        self._cancellation.check()
        with self._lock:
            if self._next == len(self._items):
                return None
            self._next += 1
            return self._next - 1

    def _run_child(self, item: Item, map_run: MapRun) -> ItemResult:
        child = map_run.run(item, self._cancellation)
        self._cancellation.check()
        if child.status == SUCCEEDED:
            return ItemResult(item, child.output, None, child)
        error = child.error or StateError("States.TaskFailed", f"The execution {child.status}")
        self._count_failure(error)
        return ItemResult(item, None, error, child)

    def _iterate(self, index: int) -> ItemResult:
        item, visit = self._items[index], self._visit
        context = {**visit.branch.context, "Map": {"Item": item.context}}
        branch = visit.branch.child(index, self._processor, self._cancellation, context)
        before = self._left.get(index)
        if before is not None and before.has_ended:
            return ItemResult(item, branch.go_on(before, item.input), None)
        details = {"name": visit.name, "index": index}
        member = "mapIteration{}EventDetails"
        branch.trail.add("MapIterationStarted", member.format("Started"), **details)
        try:
            output = branch.go_on(before, item.input)
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
        if self._map_run is None and not self._tolerance.declared:
            raise error
        raise StateError(
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        ) from error
