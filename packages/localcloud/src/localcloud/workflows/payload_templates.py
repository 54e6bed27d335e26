"""Payload templates of JSONPath states: `"name.$": "$.path"` or an intrinsic function."""

from __future__ import annotations

from typing import Any

from localcloud.workflows import intrinsic_functions, paths
from localcloud.workflows.paths import Data, PathNotFoundError


def expand(template: Any, data: Data) -> Any:
    """Replace every `.$` field; PathNotFoundError or StateError when one has no value."""
    if isinstance(template, list):
        return [expand(item, data) for item in template]
    if not isinstance(template, dict):
        return template
    expanded = {}
    for key, value in template.items():
        if key.endswith(".$"):
            expanded[key[:-2]] = _evaluate_named(key, value, data)
        else:
            expanded[key] = expand(value, data)
    return expanded


def _evaluate_named(key: str, expression: str, data: Data) -> Any:
    try:
        return evaluate_field(expression, data)
    except PathNotFoundError as error:
        error.field = key
        raise


def evaluate_field(expression: str, data: Data) -> Any:
    """A path's value, or an intrinsic function's."""
    if expression.startswith("$"):
        return paths.evaluate(expression, data)
    return intrinsic_functions.evaluate(expression, data)


def check_field(expression: Any) -> None:
    """ValueError unless the value of a `.$` field is a path or an intrinsic function."""
    if not isinstance(expression, str):
        raise ValueError("the value of a field whose name ends in .$ must be a string")
    if expression.startswith("$"):
        paths.compile_path(expression)
    else:
        intrinsic_functions.check(expression)
