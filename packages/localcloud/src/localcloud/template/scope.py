"""What a template's functions can ask for: the names in scope while a stack comes up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Scope(Protocol):
    """The names and values that `Ref`, `Fn::GetAtt` and their kin refer to.

    Each method raises LookupError, with what is wrong, for a name that it doesn't know.
    """

    region: str
    mappings: Mapping[str, Any]

    def ref(self, name: str) -> Any:
        """A parameter's, pseudo parameter's or resource's value."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """An attribute of a resource."""

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""

    def export(self, name: str) -> Any:
        """The value that some stack exports under a name."""

    def stack_output(self, stack_name: str, output_name: str) -> Any:
        """An output of another stack."""

    def finish(self, text: str) -> str:
        """A resolved string with its dynamic references and local addresses put in."""


class NoValue:
    """What `AWS::NoValue` stands for: the property isn't there."""


NO_VALUE = NoValue()
