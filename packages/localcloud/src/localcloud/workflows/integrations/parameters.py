"""A call's parameters: Step Functions' PascalCase names against botocore's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.workflows import json_values, jsonata_queries
from localcloud.workflows.integrations.resource import Resource
from localcloud.workflows.integrations.service_names import java_name, pascal_name
from localcloud.workflows.problems import Problems

_LEAVES: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}


def member_name(shape: StructureShape, name: str) -> str | None:
    """Botocore's name of the member that Step Functions calls `name`."""
    for member in shape.members:
        if name in {pascal_name(member), java_name(member)}:
            return str(member)
    return None


def check(template: Any, resource: Resource, location: str, to: Problems) -> None:
    """Report parameters that the operation doesn't have or that are missing, where static."""
    if isinstance(template, dict):
        _Check(resource, to).value(template, resource.model.input_shape, location)
        return
    shape = resource.model.input_shape
    if shape and shape.required_members and not jsonata_queries.is_expression(template):
        to.add(location, f"The parameters of {resource.operation} are required")


class _Check:
    def __init__(self, resource: Resource, to: Problems) -> None:
        self.to, self.operation = to, resource.operation
        self.json_members = resource.optimized.json_members if resource.optimized else frozenset()

    def value(self, template: Any, shape: Shape | None, location: str) -> None:
        if isinstance(shape, StructureShape) and isinstance(template, dict):
            self._structure(template, shape, location)
        elif isinstance(shape, ListShape) and isinstance(template, list):
            for index, item in enumerate(template):
                self.value(item, shape.member, f"{location}[{index}]")
        elif isinstance(shape, MapShape) and isinstance(template, dict):
            for key, item in template.items():
                if not key.endswith(".$"):
                    self.value(item, shape.value, f"{location}/{key}")
        elif shape is None and template:
            self.to.add(location, f"{self.operation} takes no parameters")
        elif shape is not None and not jsonata_queries.is_expression(template):
            self._leaf(template, shape, location)

    def _structure(self, template: dict[str, Any], shape: StructureShape, location: str) -> None:
        given = set()
        for key, item in template.items():
            name = key.removesuffix(".$")
            member = member_name(shape, name)
            if member is None:
                self.to.add(location, f"The field '{name}' is not a parameter of {self.operation}")
                continue
            given.add(member)
            if not key.endswith(".$") and member not in self.json_members:
                self.value(item, shape.members[member], f"{location}/{key}")
        for member in sorted(set(shape.required_members) - given):
            self.to.add(location, f"The field '{pascal_name(member)}' is required but missing")

    def _leaf(self, template: Any, shape: Shape, location: str) -> None:
        expected = _LEAVES.get(shape.type_name)
        if isinstance(shape, StructureShape | MapShape):
            expected = dict
        elif isinstance(shape, ListShape):
            expected = list
        wrong = expected is not None and not isinstance(template, expected)
        if wrong or (expected is int and isinstance(template, bool)):
            self.to.add(location, f"Expected a {shape.type_name}")


def to_botocore(values: Any, resource: Resource) -> dict[str, Any]:
    """The operation's parameters from a state's; ValueError for one it doesn't have."""
    if not isinstance(values, dict):
        raise ValueError(f"the parameters of {resource.operation} must be an object")
    shape = resource.model.input_shape
    if shape is None:
        return {}
    json_members = resource.optimized.json_members if resource.optimized else frozenset()
    return _structure(values, shape, json_members)


def _structure(
    values: Mapping[str, Any], shape: StructureShape, json_members: frozenset[str]
) -> dict[str, Any]:
    converted = {}
    for name, value in values.items():
        member = member_name(shape, name)
        if member is None:
            raise ValueError(f"The field '{name}' is not supported by Step Functions")
        if value is None:
            continue  # to the SDK for Java, null is a member that isn't there
        if member in json_members and not isinstance(value, str):
            value = json_values.to_text(value)
        converted[member] = _value(value, shape.members[member], json_members)
    return converted


def _value(value: Any, shape: Shape, json_members: frozenset[str]) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return _structure(value, shape, json_members)
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_value(item, shape.member, json_members) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _value(item, shape.value, json_members) for key, item in value.items()}
    if shape.type_name == "blob":
        return (value if isinstance(value, str) else json_values.to_text(value)).encode()
    return value
