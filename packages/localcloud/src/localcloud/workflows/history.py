"""An execution's history: numbered events, each with the one before it on its branch."""

from __future__ import annotations

import threading
from typing import Any

from localcloud.clock import Clock
from localcloud.workflows import json_values
from localcloud.workflows.errors import StateError

MAX_EVENTS = 25_000


_DATA = ("input", "output", "assignedVariables", "parameters")
# Events that no later one names as the one before it, as on AWS.
_ASIDE = {
    "MapIterationFailed",
    "MapRunSucceeded",
    "MapStateSucceeded",
    "ParallelStateSucceeded",
    "TaskStateAborted",
}
_WITHOUT = {*_DATA, *(f"{name}Details" for name in _DATA)}


def without_data(event: dict[str, Any]) -> dict[str, Any]:
    """The event without what went in, came out or was assigned."""
    return {
        member: {name: item for name, item in value.items() if name not in _WITHOUT}
        if isinstance(value, dict)
        else value
        for member, value in event.items()
    }


class History:
    """All events of one execution, in order. An Express workflow's has no limit."""

    def __init__(self, clock: Clock, limited: bool = True) -> None:
        self._clock, self._limited = clock, limited
        self._lock = threading.Lock()
        self.events: list[dict[str, Any]] = []

    def add(self, kind: str, previous: int, details: dict[str, Any]) -> int:
        """Append an event and return its id."""
        with self._lock:
            number = len(self.events) + 1
            self.events.append(
                {
                    "timestamp": self._clock.now(),
                    "type": kind,
                    "id": number,
                    "previousEventId": previous,
                    **details,
                }
            )
        return number

    @property
    def is_full(self) -> bool:
        return self._limited and len(self.events) >= MAX_EVENTS

    def trail(self, previous: int = 0) -> Trail:
        return Trail(self, previous)


class Trail:
    """Where one branch of an execution has got to in the history."""

    def __init__(self, history: History, previous: int) -> None:
        self._history, self.previous = history, previous

    def add(self, kind: str, member: str | None = None, **details: Any) -> None:
        """Record an event; `member` holds its details, such as `taskFailedEventDetails`."""
        if self._history.is_full and not kind.startswith("Execution"):
            raise StateError(
                "States.Runtime",
                f"The execution reached the maximum number of history events ({MAX_EVENTS}).",
            )
        body = {member: details} if member else {}
        number = self._history.add(kind, self.previous, body)
        if kind not in _ASIDE:
            self.previous = number

    def fork(self) -> Trail:
        """The trail of a branch that begins here."""
        return Trail(self._history, self.previous)

    def entered(self, kind: str, name: str, state_input: Any) -> None:
        self.add(
            f"{kind}StateEntered",
            "stateEnteredEventDetails",
            name=name,
            input=json_values.to_text(state_input),
            inputDetails={"truncated": False},
        )

    def exited(self, kind: str, name: str, output: Any, assigned: dict[str, Any]) -> None:
        details: dict[str, Any] = {
            "name": name,
            "output": json_values.to_text(output),
            "outputDetails": {"truncated": False},
        }
        if assigned:
            details["assignedVariables"] = {
                variable: json_values.to_text(value) for variable, value in assigned.items()
            }
            details["assignedVariablesDetails"] = {"truncated": False}
        self.add(f"{kind}StateExited", "stateExitedEventDetails", **details)
