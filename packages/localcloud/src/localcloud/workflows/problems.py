"""Gathering what is wrong with a definition, each finding with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from localcloud.workflows import json_values
from localcloud.workflows.errors import Problem


class Problems:
    """The findings of one check of a definition."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, location: str, message: str, code: str = "SCHEMA_VALIDATION_FAILED") -> None:
        self.found.append(Problem(code, message, location))

    def unknown_fields(self, node: Mapping[str, Any], known: Iterable[str], location: str) -> None:
        """Report every field of `node` that is not known there."""
        for field in node.keys() - set(known):
            self.add(location, f"Field '{field}' is not supported here")

    def attempt(self, check: Callable[[Any], Any], value: Any, location: str) -> bool:
        """Report the ValueError that `check(value)` raises; whether it raised none."""
        try:
            check(value)
        except ValueError as error:
            self.add(location, str(error))
            return False
        return True

    def one_of(self, value: Any, known: Iterable[str], location: str) -> bool:
        """Report a value that is not one of the known texts; whether it is one."""
        if isinstance(value, str) and value in known:
            return True
        self.add(location, f"Expected one of {', '.join(sorted(known))}")
        return False

    def integer(self, value: Any, least: int, most: int, location: str) -> bool:
        """Report a value that is not an integer within the bounds; whether it is one."""
        if json_values.is_integer(value) and least <= value <= most:
            return True
        self.add(location, f"Expected an integer from {least} to {most}")
        return False

    def object(self, value: Any, location: str) -> dict[str, Any]:
        """The value when it is an object; else a report and an empty one."""
        if isinstance(value, dict):
            return value
        self.add(location, "Expected an object")
        return {}

    def array(self, value: Any, location: str) -> list[Any]:
        """The value when it is a non-empty array; else a report and an empty one."""
        if isinstance(value, list) and value:
            return value
        self.add(location, "Expected an array with at least one item")
        return []
