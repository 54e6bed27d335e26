"""What AWS would refuse of a value: lengths, ranges, patterns, choices and sizes.

botocore's own validator knows types, minima and required members; maxima, patterns and choices
stand in its models without being checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import regex
from botocore.validate import ParamValidator

# What the documentation says and the models don't: bytes of a value as JSON, by operation.
# Sources: Amazon EventBridge User Guide, "PutEvents quotas"; Step Functions developer guide,
# "Quotas related to state machine executions".
MAX_BYTES = {"PutEvents": 262_144, "StartExecution": 262_144}


def call_complaints(operation: Any, parameters: dict[str, Any]) -> Iterator[str]:
    """What AWS has against the parameters of a call of an operation (botocore's model of it)."""
    shape = operation.input_shape
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        yield report.generate_report()
        return
    yield from complaints(shape, parameters)
    size = len(json.dumps(parameters, default=str, ensure_ascii=False).encode())
    if size > (limit := MAX_BYTES.get(operation.name, size)):
        yield f"{size} bytes, more than {limit}"


def complaints(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """What is wrong with a value and all within it, by the limits of its shape."""
    for said in _own_complaints(shape, value):
        yield f"{path or shape.name}: {said} (it is {str(value)[:100]!r})"
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in value.keys() & shape.members.keys():
            yield from complaints(shape.members[name], value[name], f"{path}.{name}".lstrip("."))
    elif shape.type_name == "list":
        for number, item in enumerate(value):
            yield from complaints(shape.member, item, f"{path}[{number}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from complaints(shape.key, key, f"{path}, key")
            yield from complaints(shape.value, item, f"{path}.{key}")


def _own_complaints(shape: Any, value: Any) -> Iterator[str]:
    limits = shape.metadata
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number or isinstance(value, str | bytes | list | dict):
        measure = value if is_number else len(value)
        if "max" in limits and measure > limits["max"]:
            yield f"{measure}, more than {limits['max']}"
    if isinstance(value, str):
        if shape.enum and value not in shape.enum:
            yield f"none of {', '.join(shape.enum)}"
        if "pattern" in limits and not _pattern(limits["pattern"]).fullmatch(value):
            yield f"not of the pattern {limits['pattern']}"


@cache
def _pattern(written: str) -> regex.Pattern[str]:
    """A pattern of a model: Java's dialect, with all of Unicode beyond 16 bits as pairs."""
    return regex.compile(written.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"))
