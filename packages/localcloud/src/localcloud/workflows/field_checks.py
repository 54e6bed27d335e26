"""Checks of a state's fields in its query language: paths, templates, expressions, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.workflows import (
    json_values,
    jsonata_queries,
    paths,
    payload_templates,
    timestamps,
)
from localcloud.workflows.fields import JSONATA
from localcloud.workflows.problems import Problems

_TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Assign")
_EXPRESSIONS = ("Arguments", "Output", "Assign", "ItemSelector", "Items")
_VARIABLE_NAME = re.compile(r"[^\W\d]\w{0,79}")
_NUMBERS = {  # field: (least, most)
    "Seconds": (0, 99_999_999),
    "TimeoutSeconds": (1, 99_999_999),
    "HeartbeatSeconds": (1, 99_999_999),
    "MaxConcurrency": (0, 99_999_999),
    "ToleratedFailureCount": (0, 99_999_999),
    "ToleratedFailurePercentage": (0, 100),
}
_TEXTS = ("Error", "Cause")


def check_fields(state: Mapping[str, Any], language: str, location: str, to: Problems) -> None:
    """Check the values of the fields that states of several kinds share."""
    if language == JSONATA:
        _check_expressions(state, location, to)
    else:
        _check_paths(state, location, to)
    _check_numbers(state, language, location, to)
    _check_texts(state, language, location, to)
    check_assign(state, location, to)


def _check_expressions(state: Mapping[str, Any], location: str, to: Problems) -> None:
    for field in _EXPRESSIONS:
        if field in state:
            check_expressions(state[field], f"{location}/{field}", to)


def check_expressions(value: Any, location: str, to: Problems) -> None:
    """Check every `{% … %}` in a JSONata template."""
    for place, text in _strings(value, location, to):
        if text.startswith("{%"):
            to.attempt(jsonata_queries.check, text, place)


def _strings(value: Any, location: str, to: Problems) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{location}[{index}]", to)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.endswith(".$"):
                to.add(f"{location}/{key}", "A field name can't end in .$ in JSONata")
            yield from _strings(item, f"{location}/{key}", to)


def _check_paths(state: Mapping[str, Any], location: str, to: Problems) -> None:
    for field in _TEMPLATES:
        if field in state:
            check_template(state[field], f"{location}/{field}", to)
    for field in state:
        if not field.endswith("Path") or field == "ResultPath":
            continue
        if state[field] is not None or field not in {"InputPath", "OutputPath"}:
            to.attempt(_check_path_or_function(field), state[field], f"{location}/{field}")
    check_result_path(state, location, to)


def _check_path_or_function(field: str) -> Callable[[Any], None]:
    return payload_templates.check_field if field in {"ErrorPath", "CausePath"} else _check_path


def _check_path(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError("expected a JSONPath")
    paths.compile_path(value)


def check_result_path(node: Mapping[str, Any], location: str, to: Problems) -> None:
    value = node.get("ResultPath")
    if value is None:
        return
    if isinstance(value, str):
        to.attempt(paths.reference_steps, value, f"{location}/ResultPath")
    else:
        to.add(f"{location}/ResultPath", "Expected a Reference Path or null")


def check_template(value: Any, location: str, to: Problems) -> None:
    """Check every `.$` field in a JSONPath payload template."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_template(item, f"{location}[{index}]", to)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.endswith(".$"):
                to.attempt(payload_templates.check_field, item, f"{location}/{key}")
            else:
                check_template(item, f"{location}/{key}", to)


def _check_numbers(state: Mapping[str, Any], language: str, location: str, to: Problems) -> None:
    for field, (least, most) in _NUMBERS.items():
        value = state.get(field)
        if field not in state or _is_checked_expression(value, language, f"{location}/{field}", to):
            continue
        if not json_values.is_integer(value) or not least <= value <= most:
            to.add(f"{location}/{field}", f"Expected an integer from {least} to {most}")
    if "Timestamp" in state and not _is_checked_expression(
        state["Timestamp"], language, f"{location}/Timestamp", to
    ):
        to.attempt(timestamps.from_text, str(state["Timestamp"]), f"{location}/Timestamp")
    for field in (*_NUMBERS, "Timestamp", *_TEXTS):
        if field in state and f"{field}Path" in state:
            to.add(location, f"Only one of '{field}' and '{field}Path' can be given")


def _check_texts(state: Mapping[str, Any], language: str, location: str, to: Problems) -> None:
    for field in _TEXTS:
        value = state.get(field, "")
        if not _is_checked_expression(value, language, f"{location}/{field}", to) and not (
            isinstance(value, str)
        ):
            to.add(f"{location}/{field}", "Expected a string")


def _is_checked_expression(value: Any, language: str, location: str, to: Problems) -> bool:
    if language != JSONATA or not isinstance(value, str) or not value.startswith("{%"):
        return False
    to.attempt(jsonata_queries.check, value, location)
    return True


def check_assign(node: Mapping[str, Any], location: str, to: Problems) -> None:
    """Check the names of the variables that a node assigns."""
    if "Assign" not in node:
        return
    for key in to.object(node["Assign"], f"{location}/Assign"):
        name = key.removesuffix(".$")
        if not _VARIABLE_NAME.fullmatch(name):
            to.add(f"{location}/Assign", f"'{name}' is not a variable's name")
        if name == "states":
            to.add(f"{location}/Assign", "'states' is reserved: choose another variable's name")
