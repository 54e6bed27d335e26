"""When to save: so often that no more minutes are lost than the hyperparameters allow."""

from __future__ import annotations

import time
from collections.abc import Callable


class CheckpointSchedule:
    """Due by time, counted on one rank for all, or by steps, or both; 0 is never."""

    def __init__(
        self, minutes: float, steps: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._steps, self._clock = minutes * 60, steps, clock
        self._began_at = clock()
        self._last_step_at = clock()
        self._is_due = False

    @property
    def is_on(self) -> bool:
        """Whether any save will come due, if the run is long enough."""
        return bool(self._seconds or self._steps)

    def is_due(self, step: int, write_seconds: float) -> bool:
        """Asked after each step. Once due it stays so until `began`.

        What the last save took to write, and a step, are taken off: only then is the work safe.
        """
        now = self._clock()
        step_seconds, self._last_step_at = now - self._last_step_at, now
        if self._steps and step % self._steps == 0:
            self._is_due = True
        left = self._began_at + self._seconds - now
        if self._seconds and left <= write_seconds + step_seconds:
            self._is_due = True
        return self._is_due

    def began(self) -> None:
        self._began_at, self._is_due = self._clock(), False
