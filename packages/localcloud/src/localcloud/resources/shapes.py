"""A template's properties in the shape that an AWS API operation takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

_INTEGERS = {"integer", "long"}
_FLOATS = {"float", "double"}


def fit(shape: Shape, value: Any, path: str = "") -> tuple[Any, list[str]]:
    """`value` as `shape` wants it, and the paths of the members that `shape` doesn't have.

    Member names are matched regardless of case, scalars become the shape's type (CloudFormation
    takes "5" for 5 and "true" for true), tag lists become tag maps where the API wants a map, and
    objects become JSON text where it wants a string (policy documents).
    """
    if (
        isinstance(shape, StructureShape)
        and isinstance(value, Mapping)
        and not shape.is_document_type
    ):
        return _structure(shape, value, path)
    if isinstance(shape, ListShape) and isinstance(value, list | tuple):
        return _list(shape, value, path)
    if isinstance(shape, MapShape):
        return _map(shape, value, path)
    return _scalar(shape.type_name, value, path), []


def _structure(shape: StructureShape, value: Mapping[str, Any], path: str) -> tuple[Any, list[str]]:
    members = {name.lower(): name for name in shape.members}
    if "tagkey" in members and "Key" in value:
        value = {"TagKey": value["Key"], "TagValue": value.get("Value", "")}
    fitted: dict[str, Any] = {}
    unknown: list[str] = []
    for key, item in value.items():
        place = f"{path}.{key}" if path else key
        if name := members.get(key.lower()):
            fitted[name], more = fit(shape.members[name], item, place)
            unknown += more
        else:
            unknown.append(place)
    return fitted, unknown


def _list(shape: ListShape, value: Any, path: str) -> tuple[Any, list[str]]:
    pairs = [fit(shape.member, item, f"{path}[{index}]") for index, item in enumerate(value)]
    return [item for item, _ in pairs], [name for _, names in pairs for name in names]


def _map(shape: MapShape, value: Any, path: str) -> tuple[Any, list[str]]:
    if isinstance(value, list) and all(
        isinstance(item, Mapping) and "Key" in item for item in value
    ):
        value = {item["Key"]: item.get("Value", "") for item in value}
    if not isinstance(value, Mapping):
        raise ValueError(f"{path} must be an object, not {json.dumps(value, default=str)}")
    fitted: dict[str, Any] = {}
    unknown: list[str] = []
    for key, item in value.items():
        fitted[key], more = fit(shape.value, item, f"{path}.{key}")
        unknown += more
    return fitted, unknown


def _scalar(type_name: str, value: Any, path: str) -> Any:
    try:
        if type_name == "string":
            return scalar_text(value)
        if type_name == "boolean":
            return _boolean(value)
        if type_name in _INTEGERS:
            return int(value)
        if type_name in _FLOATS:
            return float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"{path} must be a {type_name}, not {json.dumps(value, default=str)}"
        ) from None
    if type_name == "blob" and isinstance(value, str):
        return value.encode()
    return value


def scalar_text(value: Any) -> str:
    """A value as text: scalars as CloudFormation writes them, anything else as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in ("true", "false"):
        raise ValueError(value)
    return str(value).lower() == "true"
