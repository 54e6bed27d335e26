"""One execution: its thread, its status, its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcloud.calls import ServiceError
from localcloud.clock import Clock
from localcloud.workflows import json_values, timestamps
from localcloud.workflows.branch import Branch, Environment
from localcloud.workflows.cancellation import Cancellation, in_thread
from localcloud.workflows.errors import StateError, WorkCancelledError
from localcloud.workflows.history import History, Trail
from localcloud.workflows.scope import Scope
from localcloud.workflows.state_machines import StateMachine

RUNNING, SUCCEEDED, FAILED = "RUNNING", "SUCCEEDED", "FAILED"
TIMED_OUT, ABORTED = "TIMED_OUT", "ABORTED"
EXPRESS_TIMEOUT_SECONDS = 300
_STOP_SECONDS = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """How an execution was started. A Map Run's child knows its run and its item."""

    arn: str
    name: str
    input: str
    machine: StateMachine
    map_run_arn: str | None = None
    map_item: dict[str, Any] | None = None


class Execution:
    """Runs a state machine once. `changed` is told about every change of its status."""

    def __init__(
        self,
        start: Start,
        environment: Environment,
        stopping: Cancellation,
        changed: Callable[[Execution], None],
    ) -> None:
        self.start, self._environment = start, environment
        self._clock: Clock = environment.clock
        self._stopping, self._changed = stopping, changed
        self.started_at: datetime = self._clock.now()
        self.stopped_at: datetime | None = None
        self.redriven_at: datetime | None = None
        self.redrive_count = 0
        self.status, self.output = RUNNING, None
        self.error: StateError | None = None
        self._abort_reason: StateError | None = None
        self.history = History(self._clock, limited=not start.machine.is_express)
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._cancellation = self._new_cancellation()
        self._branch = self._new_branch(Scope(), self.history.trail())

    def _new_cancellation(self) -> Cancellation:
        timeout = self.start.machine.machine.get("TimeoutSeconds")
        if self.start.machine.is_express:
            timeout = min(timeout or EXPRESS_TIMEOUT_SECONDS, EXPRESS_TIMEOUT_SECONDS)
        return self._stopping.child(timeout)

    def _new_branch(self, scope: Scope, trail: Trail) -> Branch:
        machine = self.start.machine
        execution = {
            "Id": self.start.arn,
            "Input": json_values.from_text(self.start.input),
            "Name": self.start.name,
            "RoleArn": machine.role_arn,
            "StartTime": timestamps.to_text(self.started_at),
            "RedriveCount": self.redrive_count,
        }
        if self.redriven_at:
            execution["RedriveTime"] = timestamps.to_text(self.redriven_at)
        context: dict[str, Any] = {
            "Execution": execution,
            "StateMachine": {"Id": machine.arn, "Name": machine.name},
        }
        if self.start.map_item is not None:
            context["Map"] = {"Item": self.start.map_item}
        return Branch(self._environment, machine.machine, context, scope, self._cancellation, trail)

    def begin(self) -> None:
        """Start running, in a thread of its own."""
        self._branch.trail.add(
            "ExecutionStarted",
            "executionStartedEventDetails",
            input=self.start.input,
            inputDetails={"truncated": False},
            roleArn=self.start.machine.role_arn,
        )
        self._changed(self)
        machine_input = json_values.from_text(self.start.input)
        in_thread(lambda: self._run(lambda: self._branch.run(machine_input)))

    def redrive(self) -> datetime:
        """Go on from the state that ended the execution, with its input and variables.

        Of a Parallel or an inline Map, only the branches that hadn't succeeded run again.
        """
        with self._lock:
            if self._redrive_status != "REDRIVABLE":
                raise ServiceError("ExecutionNotRedrivable", self._why_not_redrivable)
            before, trail = self._branch, self._branch.trail
            self.redrive_count += 1
            self.redriven_at = self._clock.now()
            self.status, self.error, self.stopped_at = RUNNING, None, None
            self._abort_reason = None
            self.ended.clear()
            self._cancellation = self._new_cancellation()
            self._branch = self._new_branch(before.scope, trail)
            details = {"redriveCount": self.redrive_count}
            trail.add("ExecutionRedriven", "executionRedrivenEventDetails", **details)
        self._changed(self)
        machine_input = json_values.from_text(self.start.input)
        in_thread(lambda: self._run(lambda: self._branch.go_on(before, machine_input)))
        return self.redriven_at

    def stop(self, error: str | None, cause: str | None) -> datetime:
        """End as ABORTED unless ended before; when it ended."""
        reason = StateError(error or "", cause or "") if error or cause else None
        with self._lock:
            self._abort_reason = reason
        self._cancellation.set()
        # Its states end first, so that the history ends with the execution.
        if not self.ended.wait(_STOP_SECONDS):
            self._end(ABORTED, error=reason)
        assert self.stopped_at is not None
        return self.stopped_at

    def _run(self, work: Callable[[], Any]) -> None:
        cancellation = self._cancellation
        try:
            output = work()
        except StateError as error:
            self._end(FAILED, error=error)
        except WorkCancelledError:
            self._end_cancelled(cancellation)
        except Exception as error:  # noqa: BLE001 - an execution must never stay RUNNING
            _log.exception("execution %s failed within the interpreter", self.start.arn)
            self._end(FAILED, error=StateError("States.Runtime", repr(error)))
        else:
            self._end(SUCCEEDED, output=output)

    def _end_cancelled(self, cancellation: Cancellation) -> None:
        if cancellation.timed_out:
            self._end(TIMED_OUT)
        else:
            self._end(ABORTED, error=self._abort_reason)

    def _end(self, status: str, output: Any = None, error: StateError | None = None) -> None:
        with self._lock:
            if self.status != RUNNING:
                return
            self.output, self.error = output, error
            self.stopped_at = self._clock.now()
            self._record_end(status)
            self.status = status
        self.ended.set()
        self._changed(self)

    def _record_end(self, status: str) -> None:
        trail = self._branch.trail
        if status == SUCCEEDED:
            details = {"outputDetails": {"truncated": False}}
            text = json_values.to_text(self.output)
            member = "executionSucceededEventDetails"
            trail.add("ExecutionSucceeded", member, output=text, **details)
            return
        kind = {FAILED: "Failed", TIMED_OUT: "TimedOut", ABORTED: "Aborted"}[status]
        reason = self.error_members
        if status != ABORTED:
            said = " ".join(reason.values())
            _log.warning("execution %s is %s: %s", self.start.arn, status, said)
        trail.add(f"Execution{kind}", f"execution{kind}EventDetails", **reason)

    @property
    def error_members(self) -> dict[str, str]:
        """`error` and `cause`, where there are any."""
        if self.error is None:
            return {}
        members = {"error": self.error.error, "cause": self.error.cause}
        return {name: text for name, text in members.items() if text}

    @property
    def summary(self) -> dict[str, Any]:
        """What ListExecutions says of it."""
        times = {"stopDate": self.stopped_at, "redriveDate": self.redriven_at}
        return {
            "executionArn": self.start.arn,
            "stateMachineArn": self.start.machine.arn,
            "name": self.start.name,
            "status": self.status,
            "startDate": self.started_at,
            "redriveCount": self.redrive_count,
            **self._origin,
            **{name: when for name, when in times.items() if when is not None},
        }

    @property
    def _origin(self) -> dict[str, str]:
        """The Map Run, the version and the alias that it belongs to."""
        members = {
            "mapRunArn": self.start.map_run_arn,
            "stateMachineVersionArn": self.start.machine.version_arn,
            "stateMachineAliasArn": self.start.machine.alias_arn,
        }
        return {name: arn for name, arn in members.items() if arn is not None}

    @property
    def _redrive_status(self) -> str:
        if self.status not in {FAILED, TIMED_OUT, ABORTED}:
            return "NOT_REDRIVABLE"
        return "REDRIVABLE_BY_MAP_RUN" if self.start.map_run_arn else "REDRIVABLE"

    @property
    def _why_not_redrivable(self) -> str:
        if self.start.map_run_arn:
            return "Child executions of a Map Run are redriven with their parent"
        return f"Execution is {self.status} and can't be redriven"

    @property
    def description(self) -> dict[str, Any]:
        """What DescribeExecution says of it."""
        described = {
            **self.summary,
            "input": self.start.input,
            "inputDetails": {"included": True},
            **self.error_members,
        }
        if self.status == SUCCEEDED:
            described["output"] = json_values.to_text(self.output)
            described["outputDetails"] = {"included": True}
        described["redriveStatus"] = self._redrive_status
        if self._redrive_status == "NOT_REDRIVABLE":
            described["redriveStatusReason"] = self._why_not_redrivable
        return described
