"""Gathering what is wrong with a definition, each finding with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
        for field in sorted(node.keys() - set(known)):
            self.add(location, f"Field '{field}' is not supported")

    def required(self, node: Mapping[str, Any], fields: Iterable[str], location: str) -> bool:
        """Report the fields that `node` lacks, all at once; whether it has them all."""
        missing = [field for field in fields if field not in node]
        if missing:
            self.add(location, f"These fields are required: [{', '.join(missing)}]")
        return not missing

    def only_one(self, node: Mapping[str, Any], fields: Sequence[str], location: str) -> None:
        """Report that `node` has several of the fields, where it may have one."""
        if sum(field in node for field in fields) > 1:
            listed = ", ".join(fields)
            self.add(location, f"There should only be one of the following fields: [{listed}]")

    def exactly_one(self, node: Mapping[str, Any], fields: Sequence[str], location: str) -> None:
        """Report that `node` has several of the fields or none, where it must have one."""
        self.only_one(node, fields, location)
        if not any(field in node for field in fields):
            listed = ", ".join(fields)
            what = "This object should have only one of the following fields"
            self.add(location, f"{what}: [{listed}]")

    def attempt(
        self, check: Callable[[Any], Any], value: Any, location: str, message: str | None = None
    ) -> bool:
        """Report the ValueError that `check(value)` raises; whether it raised none.

        `message` stands for the error's own words.
        """
        try:
            check(value)
        except ValueError as error:
            self.add(location, message or str(error))
            return False
        return True

    def one_of(self, value: Any, known: Iterable[str], location: str) -> bool:
        """Report a value that is not one of the known texts; whether it is one."""
        if isinstance(value, str) and value in known:
            return True
        self.add(location, f"Value should be one of the following: [{', '.join(known)}]")
        return False

    def integer(self, value: Any, least: int, most: int, location: str) -> bool:
        """Report a value that is not an integer within the bounds; whether it is one."""
        if not json_values.is_integer(value):
            self.add(location, "Expected value of type Integer")
        elif value < least:
            self.add(location, f"Minimum value is {least}")
        elif value > most:
            self.add(location, f"Maximum value is {most}")
        else:
            return True
        return False

    def string(self, value: Any, location: str) -> bool:
        """Report a value that is not a string; whether it is one."""
        if not isinstance(value, str):
            self.add(location, "Expected value of type String")
        return isinstance(value, str)

    def object(self, value: Any, location: str) -> dict[str, Any]:
        """The value when it is an object; else a report and an empty one."""
        if isinstance(value, dict):
            return value
        self.add(location, "Expected value of type Object")
        return {}

    def array(self, value: Any, location: str) -> list[Any]:
        """The value when it is a non-empty array; else a report and an empty one."""
        if isinstance(value, list) and value:
            return value
        empty = isinstance(value, list)
        self.add(location, "Value cannot be empty" if empty else "Expected value of type Array")
        return []
