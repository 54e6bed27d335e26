"""Task tokens: tasks that wait until someone reports their success or failure."""

from __future__ import annotations

import math
import secrets
import threading
from concurrent.futures import Future
from typing import Any

from localcloud.calls import ServiceError
from localcloud.clock import Clock
from localcloud.workflows import json_values
from localcloud.workflows.cancellation import Cancellation
from localcloud.workflows.errors import StateError


class WaitingTask:
    """A task that waits for its token to come back."""

    def __init__(self, token: str, clock: Clock) -> None:
        self.token, self._clock = token, clock
        self.result: Future[Any] = Future()
        self.last_heartbeat = clock.time()
        self.is_closed = False

    def hold(self) -> None:
        """Miss no heartbeat before the first."""
        self.last_heartbeat = math.inf

    def beat(self) -> None:
        self.last_heartbeat = self._clock.time()

    def wait(self, cancellation: Cancellation, heartbeat_seconds: int | None) -> Any:
        """The reported result; its failure or States.HeartbeatTimeout as StateError."""
        while not self.result.done():
            cancellation.check()
            silent = self._clock.time() - self.last_heartbeat
            if heartbeat_seconds is not None and silent >= heartbeat_seconds:
                raise StateError(
                    "States.HeartbeatTimeout",
                    f"No heartbeat was received for {heartbeat_seconds} seconds",
                )
            self._clock.sleep(0.05)
        return self.result.result()


class TaskTokens:
    """The tokens of every task that waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._waiting: dict[str, WaitingTask] = {}
        self._ended: set[str] = set()

    def issue(self) -> WaitingTask:
        task = WaitingTask(secrets.token_urlsafe(96), self._clock)
        with self._lock:
            self._waiting[task.token] = task
        return task

    def close(self, task: WaitingTask) -> None:
        """Stop taking reports for a task."""
        with self._lock:
            task.is_closed = True
            self._waiting.pop(task.token, None)
            self._ended.add(task.token)

    def find(self, token: str) -> WaitingTask:
        with self._lock:
            task = self._waiting.get(token)
            if task is None and token not in self._ended:
                raise ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")
        if task is None or task.result.done():
            raise ServiceError(
                "TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'"
            )
        return task

    def succeed(self, token: str, output: str) -> None:
        try:
            value = json_values.from_text(output)
        except ValueError as error:
            raise ServiceError("InvalidOutput", f"Invalid Output: '{error}'") from error
        self._report(token, value, None)

    def fail(self, token: str, error: str, cause: str) -> None:
        self._report(token, None, StateError(error, cause))

    def _report(self, token: str, value: Any, error: StateError | None) -> None:
        task = self.find(token)
        with self._lock:
            if task.result.done():
                raise ServiceError("TaskTimedOut", "Task Timed Out: 'The task was reported before'")
            if error is None:
                task.result.set_result(value)
            else:
                task.result.set_exception(error)
