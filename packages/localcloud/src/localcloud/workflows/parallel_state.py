"""The Parallel state: branches that run at once; the first error ends them all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import Any

from localcloud.workflows.branch import Branch, Visit
from localcloud.workflows.cancellation import Cancellation, in_thread
from localcloud.workflows.data_flow import Outcome
from localcloud.workflows.errors import WorkCancelledError


def run_parallel(visit: Visit) -> Outcome:
    flow = visit.flow()
    arguments = flow.arguments()
    visit.trail.add("ParallelStateStarted")
    cancellation = visit.cancellation.child()
    left = visit.branch.take_left()
    futures = []
    for index, machine in enumerate(visit.state["Branches"]):
        branch = visit.branch.child(index, machine, cancellation)
        futures.append(_start(branch, left.get(index), arguments))
    results = gather(futures, cancellation)
    visit.trail.add("ParallelStateSucceeded")
    return flow.leave(results)


def _start(branch: Branch, before: Branch | None, arguments: Any) -> Future[Any]:
    return in_thread(lambda: branch.go_on(before, arguments))


def gather(futures: Sequence[Future[Any]], cancellation: Cancellation) -> list[Any]:
    """All results. The first error cancels the rest, and is raised when all have ended."""
    first = next(
        (
            future.exception()
            for future in wait(futures, return_when=FIRST_EXCEPTION).done
            if not isinstance(future.exception(), WorkCancelledError | None)
        ),
        None,
    )
    if first is not None:
        cancellation.set()
    wait(futures)
    if first is not None:
        raise first
    return [future.result() for future in futures]
