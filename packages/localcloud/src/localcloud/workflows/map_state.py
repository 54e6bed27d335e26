"""The Map state: its processor run for every item, so many at once, so many failures allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from localcloud.workflows import map_items, map_results
from localcloud.workflows.branch import Visit
from localcloud.workflows.cancellation import in_thread
from localcloud.workflows.data_flow import DataFlow, Outcome
from localcloud.workflows.errors import StateError, WorkCancelledError
from localcloud.workflows.execution import SUCCEEDED
from localcloud.workflows.history import Trail
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
    concurrency = _concurrency(flow)
    # What is read is read within the Map Run, whose failure it is when it can't be.
    read = "ItemReader" in visit.state
    values = [] if read else map_items.values(flow.items(), flow, distributed)
    trail = visit.trail
    trail.add("MapStateStarted", "mapStateStartedEventDetails", length=len(values))
    tolerance = _tolerance(flow)
    map_run = None
    if distributed:
        limits = {"maxConcurrency": concurrency, **tolerance.limits}
        map_run = visit.environment.map_runs.begin(visit, processor, limits)
    with _recorded(map_run, trail):
        items = map_items.items_of(map_items.read(visit, flow) if read else values, visit, flow)
        if map_run:
            map_run.items = items
        work = _MapWork(visit, processor, items, tolerance, map_run)
        results = work.run(min(concurrency or MAX_CONCURRENCY, MAX_CONCURRENCY, len(items)))
        result = map_results.finish(results, visit, flow, map_run.arn if map_run else None)
    trail.add("MapStateSucceeded")
    return flow.leave(result)


@contextmanager
def _recorded(map_run: MapRun | None, trail: Trail) -> Iterator[None]:
    """A Map Run's beginning and its end, whichever it is; nothing where there is no Map Run."""
    if map_run is None:
        yield
        return
    trail.add("MapRunStarted", "mapRunStartedEventDetails", mapRunArn=map_run.arn)
    try:
        yield
    except StateError as error:
        details = {"error": error.error, "cause": error.cause}
        trail.add("MapRunFailed", "mapRunFailedEventDetails", **details)
        map_run.end("FAILED")
        raise
    except WorkCancelledError:
        trail.add("MapRunAborted")
        map_run.end("ABORTED")
        raise
    trail.add("MapRunSucceeded")
    map_run.end("SUCCEEDED")


def _concurrency(flow: DataFlow) -> int:
    concurrency = flow.integer("MaxConcurrency") or 0
    if concurrency < 0:
        cause = f"Expected non-negative integer for MaxConcurrency, got '{concurrency}' instead."
        raise flow.refused(cause, "MaxConcurrency")
    return concurrency


@dataclass(frozen=True)
class _Tolerance:
    """How many items may fail, and how many of a hundred. None: the state doesn't say."""

    count: int | None
    percentage: int | float | None

    @property
    def declared(self) -> bool:
        """Whether the state says so, be it zero."""
        return self.count is not None or self.percentage is not None

    @property
    def limits(self) -> dict[str, int | float]:
        return {
            "toleratedFailureCount": self.count or 0,
            "toleratedFailurePercentage": self.percentage or 0,
        }

    def of(self, total: int) -> int:
        """How many of so many items may fail."""
        if not self.declared:
            return 0
        share = total if self.percentage is None else int(total * self.percentage / 100)
        return share if self.count is None else min(share, self.count)


def _tolerance(flow: DataFlow) -> _Tolerance:
    count = flow.integer("ToleratedFailureCount")
    if count is not None and count < 0:
        cause = "ToleratedFailureCount cannot be negative."
        raise flow.refused(cause, "ToleratedFailureCount")
    percentage = flow.field("ToleratedFailurePercentage")
    if percentage is not None and not is_number(percentage):
        raise flow.mistyped("ToleratedFailurePercentage", "float", percentage)
    if percentage is not None and not 0 <= percentage <= 100:
        cause = "ToleratedFailurePercentage must be between 0 and 100."
        raise flow.refused(cause, "ToleratedFailurePercentage")
    return _Tolerance(count, percentage)


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
        self._tolerated, self._tolerance_declared = tolerance.of(len(items)), tolerance.declared
        self._map_run = map_run
        self._left = visit.branch.take_left()
        self._cancellation = visit.cancellation.child()
        self._results: list[ItemResult | None] = [None] * len(items)
        self._next, self._failures, self._lock = 0, 0, threading.Lock()

    def run(self, workers: int) -> list[ItemResult]:
        """The results in the items' order; the first error that isn't tolerated is raised."""
        gather([in_thread(self._work) for _ in range(workers)], self._cancellation)
        return [result for result in self._results if result is not None]

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
            exceeded = self._failures > self._tolerated
        if not exceeded:
            return
        if self._map_run is None and not self._tolerance_declared:
            raise error
        raise StateError(
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        ) from error
