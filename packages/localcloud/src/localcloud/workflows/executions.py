"""All executions: started once for each name, found, listed, stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from localcloud.calls import ServiceError
from localcloud.clock import Clock
from localcloud.workflows import json_values
from localcloud.workflows.branch import Environment
from localcloud.workflows.cancellation import Cancellation
from localcloud.workflows.execution import RUNNING, Execution, Start

_STOP_SECONDS = 2.0


def check_input(text: str) -> None:
    """ServiceError unless the text is JSON of at most the payload quota."""
    try:
        json_values.from_text(text)
    except ValueError as error:
        raise ServiceError(
            "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'"
        ) from error
    if json_values.num_bytes(text) > json_values.MAX_PAYLOAD_BYTES:
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: 'input' exceeds {json_values.MAX_PAYLOAD_BYTES} bytes",
        )


class Executions:
    """The executions of every state machine, by ARN."""

    def __init__(
        self,
        clock: Clock,
        changed: Callable[[Execution], None],
        child_changed: Callable[[Execution], None],
    ) -> None:
        self._changed, self._child_changed = changed, child_changed
        self._lock = threading.Lock()
        self._stopping = Cancellation(clock)
        self._executions: dict[str, Execution] = {}

    def start(self, start: Start, environment: Environment) -> Execution:
        """Start; the same name with the same input while it runs is the same execution."""
        with self._lock:
            existing = self._executions.get(start.arn)
            if existing is None:
                execution = Execution(start, environment, self._stopping, self._tell)
                self._executions[start.arn] = execution
        if existing is not None:
            return _same(existing, start)
        execution.begin()
        return execution

    def child(
        self, start: Start, environment: Environment, cancellation: Cancellation
    ) -> Execution:
        """An execution of a Map Run's item, not yet begun. It ends with `cancellation`."""
        child = Execution(start, environment, cancellation, self._child_changed)
        self._executions[start.arn] = child
        return child

    def get(self, arn: str) -> Execution:
        if ":express:" in arn:
            message = "Invalid Arn: 'Resource type not valid in this context: express'"
            raise ServiceError("InvalidArn", message)
        if not arn.startswith("arn:"):
            raise ServiceError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
        execution = self._executions.get(arn)
        if execution is None:
            raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return execution

    def of_machine(self, arn: str) -> list[Execution]:
        """The newest first, of a machine or of one of its versions or aliases."""
        found = [
            execution
            for execution in list(self._executions.values())
            if arn in execution.start.machine.arns
        ]
        return sorted(found, key=lambda execution: execution.started_at, reverse=True)

    def cancellation(self, timeout_seconds: float) -> Cancellation:
        """For work outside an execution: it ends with the service, or when time is up."""
        return self._stopping.child(timeout_seconds)

    def abort_machine(self, arn: str) -> None:
        """Stop what still runs of a machine that is deleted."""
        for execution in self.of_machine(arn):
            if execution.status == RUNNING:
                execution.stop(None, "The state machine was deleted")

    def stop_all(self) -> None:
        """End everything that runs; a state that doesn't heed it is left to end by itself."""
        self._stopping.set()
        deadline = time.monotonic() + _STOP_SECONDS
        for execution in list(self._executions.values()):
            execution.ended.wait(max(deadline - time.monotonic(), 0))

    def _tell(self, execution: Execution) -> None:
        # Who would be told is stopping too.
        if not self._stopping.is_set():
            self._changed(execution)


def _same(existing: Execution, start: Start) -> Execution:
    same_input = _value(existing.start.input) == _value(start.input)
    if existing.status == RUNNING and same_input:
        return existing
    raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{start.arn}'")


def _value(text: str) -> Any:
    return json_values.from_text(text)
