"""How data goes into a state and out of it, in one query language or the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from localcloud.workflows import json_values
from localcloud.workflows.errors import StateError


@dataclass(frozen=True)
class Outcome:
    """What a state leaves behind: its output, the variables it sets, where to go on.

    `next` None ends the machine.
    """

    output: Any
    assigned: dict[str, Any]
    next: str | None


class DataFlow(ABC):
    """The fields of one visit of a state, evaluated.

    Every method raises StateError under the name AWS gives to a failing evaluation.
    `type_error` is the name for a computed value of a wrong type.
    """

    type_error: ClassVar[str]

    def __init__(self, state: Mapping[str, Any], state_input: Any, context: dict[str, Any]) -> None:
        self.state, self.input, self.context = state, state_input, context

    @abstractmethod
    def effective_input(self) -> Any:
        """The input after InputPath."""

    @abstractmethod
    def arguments(self) -> Any:
        """What is handed to the work: Parameters or Arguments, else the effective input."""

    @abstractmethod
    def leave(self, result: Any) -> Outcome:
        """The outcome of work that gave `result`."""

    @abstractmethod
    def pass_through(self, rule: int | None = None) -> Outcome:
        """The outcome of a state without a result. `rule`: number of the choice rule that holds."""

    @abstractmethod
    def catch(self, catcher: int, error: StateError) -> Outcome:
        """The outcome of an error that the catcher of this number takes."""

    @abstractmethod
    def field(self, name: str, node: Mapping[str, Any] | None = None, at: str = "") -> Any:
        """A field of the state that may be computed; None when it isn't there.

        `node` is what has the field when it isn't the state itself, and `at` its place in the
        state, like `ItemBatcher/`.
        """

    @abstractmethod
    def template(self, template: Any, location: str) -> Any:
        """A payload template's value, on the effective input; `location` is its field."""

    @abstractmethod
    def matches(self, index: int) -> bool:
        """Whether the choice rule of this number holds."""

    @abstractmethod
    def items(self) -> Any:
        """What a Map state goes through when it has no ItemReader."""

    @abstractmethod
    def item_input(self, item: Any, item_context: dict[str, Any]) -> Any:
        """The input of one item of a Map state: the item, or ItemSelector on its context."""

    @property
    def next(self) -> str | None:
        """The state's own Next."""
        following: str | None = self.state.get("Next")
        return following

    def integer(
        self,
        name: str,
        least: int | None = None,
        node: Mapping[str, Any] | None = None,
        most: int | None = None,
        at: str = "",
    ) -> int | None:
        """A computed field that must be an integer of at least `least`, at most `most`."""
        value = self.field(name, node, at)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not json_values.is_integer(value):
            raise self.mistyped(name, "integer", value, node, at)
        if least is not None and value < least:
            raise self.too_small(name, value, least, at)
        if most is not None and value > most:
            raise self.refused(f"The value of '{at}{name}' must be at most {most}", f"{at}{name}")
        return value

    @abstractmethod
    def mistyped(
        self,
        name: str,
        expected: str,
        value: Any,
        node: Mapping[str, Any] | None = None,
        at: str = "",
    ) -> StateError:
        """The error of a computed field whose value is of another type than the one `expected`."""

    def too_small(self, name: str, value: int, least: int, at: str = "") -> StateError:
        """The error of a computed field whose value is below `least`."""
        cause = f"The value of '{at}{name}' must be at least {least}, but was {value}"
        return self.refused(cause, f"{at}{name}")

    def refused(self, cause: str, location: str) -> StateError:
        """The error of a computed field whose value is not allowed."""
        return StateError(self.type_error, cause, location)
