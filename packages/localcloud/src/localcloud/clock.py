"""The cloud's clock: real time plus what a person has advanced it by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Time as every service of the cloud sees it.

    `advance` moves it forward and wakes every waiter, so that schedules, waits, retries and
    time-outs can be tried in no time.
    """

    def __init__(self) -> None:
        self._offset = 0.0
        self._changed = threading.Condition()
        self._listeners: list[Callable[[timedelta], None]] = []

    @property
    def seconds_ahead(self) -> float:
        """How far this time is ahead of that of the machine, which processes live in."""
        return self._offset

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._offset

    def now(self) -> datetime:
        """The time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.time(), UTC)

    def advance(self, duration: timedelta) -> datetime:
        """Move time forward by `duration` (never back: ValueError) and return the new time."""
        if duration < timedelta(0):
            raise ValueError(f"time can't go back: asked to advance by {duration}")
        with self._changed:
            self._offset += duration.total_seconds()
            self._changed.notify_all()
        for listener in self._listeners:
            listener(duration)
        return self.now()

    def on_advance(self, listener: Callable[[timedelta], None]) -> None:
        """Call `listener` with each duration that the clock is advanced by, before that returns."""
        self._listeners.append(listener)

    def wait_until(self, when: datetime, stop: threading.Event | None = None) -> bool:
        """Block until `when` in the cloud's time; False when `stop` was set first."""
        with self._changed:
            while not (stop and stop.is_set()):
                remaining = when.timestamp() - self.time()
                if remaining <= 0:
                    return True
                # A stop event can't notify this condition: look at it a few times a second.
                self._changed.wait(min(remaining, 0.1) if stop else remaining)
        return False

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Block for `seconds` of the cloud's time; False when `stop` was set first."""
        return self.wait_until(self.now() + timedelta(seconds=seconds), stop)
