"""What can go wrong in a state machine: an error of a state, or a definition that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class StateError(Exception):
    """An error as Retry and Catch see it: an error name and a cause.

    `location` is the state's field whose expression failed, like `Output/sum`.
    """

    def __init__(self, error: str, cause: str = "", location: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause, self.location = error, cause, location

    @property
    def output(self) -> dict[str, str]:
        """The error output, as Catch hands it to the next state."""
        return {"Error": self.error, "Cause": self.cause}


class WorkCancelledError(Exception):
    """The work was cut short from outside: stopped, out of time, or a sibling failed."""


@dataclass(frozen=True)
class Problem:
    """Why a definition is refused.

    `location` is a path like `/States/Train/Catch[0]`; empty where it is nowhere.
    """

    code: str
    message: str
    location: str

    def __str__(self) -> str:
        place = f" at {self.location}" if self.location else ""
        return f"{self.code}: {self.message}{place}"


class InvalidDefinitionError(ValueError):
    """The definition isn't one that this interpreter runs exactly as AWS does."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        listed = ", ".join(str(problem) for problem in problems)
        super().__init__(f"Invalid State Machine Definition: '{listed}'")
        self.problems = tuple(problems)
