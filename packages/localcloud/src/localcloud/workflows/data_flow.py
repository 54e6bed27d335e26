"""How data goes into a state and out of it, in one query language or the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

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
    def pass_through(self, rule: Mapping[str, Any] | None = None) -> Outcome:
        """The outcome of a state without a result. `rule`: the choice rule that matched."""

    @abstractmethod
    def catch(self, catcher: Mapping[str, Any], error: StateError) -> Outcome:
        """The outcome of an error that a catcher takes."""

    @abstractmethod
    def field(self, name: str, node: Mapping[str, Any] | None = None) -> Any:
        """A field of the state (or `node`) that may be computed; None when it isn't there."""

    @abstractmethod
    def template(self, template: Any) -> Any:
        """A payload template's value, on the effective input."""

    @abstractmethod
    def matches(self, rule: Mapping[str, Any]) -> bool:
        """Whether a choice rule holds."""

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
        least: int,
        node: Mapping[str, Any] | None = None,
        most: int | None = None,
    ) -> int | None:
        """A computed field that must be an integer of at least `least`, at most `most`."""
        value = self.field(name, node)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.mistyped(name, f"an integer of at least {least}")
        if most is not None and value > most:
            raise self.mistyped(name, f"an integer of at most {most}")
        return value

    def mistyped(self, name: str, expected: str) -> StateError:
        """The error of a computed field that isn't what it must be."""
        return StateError(self.type_error, f"The value of '{name}' must be {expected}")
