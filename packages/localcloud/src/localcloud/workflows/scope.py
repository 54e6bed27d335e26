"""Variables: those of a machine's own scope, and those it can read around it."""

from __future__ import annotations

from typing import Any

from localcloud.workflows import json_values


class Scope:
    """The variables of one run of a machine. Inner scopes read the outer ones', never set them."""

    def __init__(self, outer: Scope | None = None, own: dict[str, Any] | None = None) -> None:
        self.outer, self.own = outer, dict(own or {})

    def visible(self) -> dict[str, Any]:
        """Every variable that can be read here."""
        around = self.outer.visible() if self.outer else {}
        return {**around, **self.own}

    def assign(self, values: dict[str, Any]) -> None:
        """Set variables; States.DataLimitExceeded when they are too large together."""
        json_values.check_size(values, "The variables of one Assign")
        self.own |= values
