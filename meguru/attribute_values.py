"""DynamoDB's attribute values from Python's, and back, as boto3's resources have them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Attribute = dict[str, Any]


def to_item(values: Mapping[str, Any]) -> dict[str, Attribute]:
    """An item as DynamoDB takes it; TypeError where a value has no form there."""
    return {name: to_attribute(value) for name, value in values.items()}


def from_item(item: Mapping[str, Attribute]) -> dict[str, Any]:
    """The values of an item; numbers are Decimal."""
    return {name: from_attribute(attribute) for name, attribute in item.items()}


def to_attribute(value: Any) -> Attribute:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | Decimal):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, Mapping):
        return {"M": to_item(value)}
    if isinstance(value, list | tuple):
        return {"L": [to_attribute(one) for one in value]}
    # No set is empty there, or has values of several kinds.
    if isinstance(value, set | frozenset) and len({type(one) for one in value}) == 1:
        members = [to_attribute(one) for one in value]
        [kind] = {kind for member in members for kind in member}
        if kind in ("S", "N", "B"):
            return {f"{kind}S": sorted(member[kind] for member in members)}
    raise TypeError(f"DynamoDB has no form for a {type(value).__name__}")


def from_attribute(attribute: Attribute) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "N":
        return Decimal(value)
    if kind == "NS":
        return {Decimal(one) for one in value}
    if kind in ("SS", "BS"):
        return set(value)
    if kind == "M":
        return from_item(value)
    if kind == "L":
        return [from_attribute(one) for one in value]
    return None if kind == "NULL" else value
