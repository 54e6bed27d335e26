"""Notices a step that never ends, from a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# SageMaker ends a stream after 8 minutes, a whole answer after one: a step that takes longer is
# part of no answer that anybody still waits for, on whatever machine.
MAX_STEP_SECONDS = 8 * 60


class Watchdog:
    """Calls `stalled`, once, when a step takes longer than `max_seconds`; a rest takes any time."""

    def __init__(
        self,
        max_seconds: float,
        stalled: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_seconds, self._stalled, self._clock = max_seconds, stalled, clock
        self._began: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def step(self) -> None:
        """A step begins; the one before it, if any, has ended."""
        self._began = self._clock()

    def rest(self) -> None:
        """The last step has ended, and when the next one begins is open."""
        self._began = None

    def is_overdue(self) -> bool:
        began = self._began
        return began is not None and self._clock() - began > self._max_seconds

    def _run(self) -> None:
        while not self._stopping.wait(self._max_seconds / 20):
            if self.is_overdue():
                self._stalled()
                return
