"""Stopping work from outside: a stop request, a deadline in the cloud's time, or both."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from localcloud.clock import Clock
from localcloud.workflows.errors import WorkCancelledError

_POLL_SECONDS = 0.05

Value = TypeVar("Value")


class Cancellation(threading.Event):
    """Set when it was set itself, when its deadline has passed, or when its parent is set.

    It is an Event so that `Clock.sleep` takes it as its `stop`.
    """

    def __init__(
        self, clock: Clock, parent: Cancellation | None = None, deadline: float | None = None
    ) -> None:
        super().__init__()
        self.clock, self.parent, self.deadline = clock, parent, deadline

    @property
    def timed_out(self) -> bool:
        return self.deadline is not None and self.clock.time() >= self.deadline

    def is_set(self) -> bool:
        if super().is_set() or self.timed_out:
            return True
        return self.parent is not None and self.parent.is_set()

    def child(self, timeout_seconds: float | None = None) -> Cancellation:
        """A cancellation that ends with this one, or earlier."""
        deadline = None if timeout_seconds is None else self.clock.time() + timeout_seconds
        return Cancellation(self.clock, self, deadline)

    def check(self) -> None:
        """Raise WorkCancelledError when set."""
        if self.is_set():
            raise WorkCancelledError

    def sleep(self, seconds: float) -> None:
        """Sleep in the cloud's time; WorkCancelledError when set first."""
        if not self.clock.sleep(seconds, self):
            raise WorkCancelledError

    def wait_for(self, future: Future[Value]) -> Value:
        """The future's result; WorkCancelledError when set first."""
        while not wait([future], _POLL_SECONDS).done:
            self.check()
        return future.result()

    def call(self, function: Callable[[], Value]) -> Value:
        """Call `function`, leaving it behind in its thread when set before it returns."""
        return self.wait_for(in_thread(function))


def in_thread(function: Callable[[], Value]) -> Future[Value]:
    """Run `function` in a thread of its own that never keeps the process alive."""
    future: Future[Value] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits for the result
            future.set_exception(error)

    threading.Thread(target=work, daemon=True, name="workflow").start()
    return future
