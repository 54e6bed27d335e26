"""Performing a Task's work: the call, and what its pattern waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.workflows import json_values
from localcloud.workflows.errors import StateError
from localcloud.workflows.integrations import function_calls, parameters, responses, sync_jobs
from localcloud.workflows.integrations.calls import Caller
from localcloud.workflows.integrations.resource import TASK_TOKEN
from localcloud.workflows.task_tokens import WaitingTask


@dataclass(frozen=True)
class Task:
    """One attempt of a Task state's work.

    `submitted` is told what the call answered when the task goes on waiting after it.
    `event_resources` are the ARNs that an event put by the task names. `hand_over` leaves an
    activity's task to its workers.
    """

    caller: Caller
    arguments: Any
    submitted: Callable[[Any], None]
    waiting: WaitingTask | None = None
    heartbeat_seconds: int | None = None
    event_resources: tuple[str, ...] = ()
    hand_over: Callable[[WaitingTask], None] | None = None

    def perform(self) -> Any:
        """The task's result. StateError when it fails."""
        resource = self.caller.resource
        if resource.kind == "function":
            return function_calls.invoke_function(self.arguments, self.caller)
        if resource.kind == "activity":
            return self._wait_for_worker()
        try:
            return self._call_and_wait()
        except ValueError as error:
            raise StateError("States.Runtime", str(error)) from error

    def _wait_for_worker(self) -> Any:
        assert self.waiting is not None
        assert self.hand_over is not None
        self.hand_over(self.waiting)
        return self.waiting.wait(self.caller.cancellation, self.heartbeat_seconds)

    def _call_and_wait(self) -> Any:
        resource = self.caller.resource
        if resource.kind == "optimized" and resource.operation == "Invoke":
            answer = function_calls.invoke(self.arguments, self.caller)
            return self._wait_for_token(answer)
        request = self._request()
        response = self.caller.call(resource.operation, request)
        answer = responses.to_state(response, resource)
        _check_entries(answer, resource.resource_type)
        if resource.pattern.startswith("sync"):
            self.submitted(answer)
            return sync_jobs.follow(request, response, self.caller)
        return self._wait_for_token(answer)

    def _wait_for_token(self, answer: Any) -> Any:
        if self.caller.resource.pattern != TASK_TOKEN:
            return answer
        assert self.waiting is not None
        self.submitted(answer)
        return self.waiting.wait(self.caller.cancellation, self.heartbeat_seconds)

    def _request(self) -> dict[str, Any]:
        request = parameters.to_botocore(self.arguments, self.caller.resource)
        if self.caller.resource.resource_type == "events":
            for entry in request.get("Entries", []):
                entry["Resources"] = [*entry.get("Resources", []), *self.event_resources]
        return request


def _check_entries(answer: dict[str, Any], resource_type: str) -> None:
    if resource_type == "events" and answer.get("FailedEntryCount"):
        raise StateError("EventBridge.FailedEntry", json_values.to_text(answer))
