"""Checks of a state's fields in its query language: paths, templates, expressions, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.workflows import (
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
            yield from _strings(item, f"{location}/{key}", to)


def _check_paths(state: Mapping[str, Any], location: str, to: Problems) -> None:
    for field in _TEMPLATES:
        if field in state:
            check_template(state[field], f"{location}/{field}", to)
    for field in state:
        if not field.endswith("Path") or field == "ResultPath":
            continue
        if state[field] is not None or field not in {"InputPath", "OutputPath"}:
            place = f"{location}/{field}"
            to.attempt(_path_check(field), state[field], place, _WHAT_A_PATH_IS.get(field))
    check_result_path(state, location, to)


_WHAT_A_PATH_IS = {
    "InputPath": "Value must be a valid JSONPath.",
    "OutputPath": "Value must be a valid JSONPath.",
    "ItemsPath": "Value is not a Reference Path",
}


def _path_check(field: str) -> Callable[[Any], Any]:
    if field == "ItemsPath":
        return _check_items_path
    return payload_templates.check_field if field in {"ErrorPath", "CausePath"} else _check_path


def _check_items_path(value: Any) -> None:
    """One value of the input, the Context object or a variable."""
    _check_path(value)
    if not paths.compile_path(value).definite:
        raise ValueError("it may name several values")


def _check_path(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError("expected a JSONPath")
    paths.compile_path(value)


def check_result_path(node: Mapping[str, Any], location: str, to: Problems) -> None:
    value = node.get("ResultPath")
    if value is None:
        return
    place = f"{location}/ResultPath"
    if to.string(value, place):
        to.attempt(paths.reference_steps, value, place, "Value is not a Reference Path")


def check_template(value: Any, location: str, to: Problems) -> None:
    """Check every `.$` field in a JSONPath payload template."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_template(item, f"{location}[{index}]", to)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.endswith(".$"):
                message = (
                    f"The value for the field '{key}' must be a valid JSONPath or a valid "
                    "intrinsic function call"
                )
                to.attempt(payload_templates.check_field, item, location, message)
            else:
                check_template(item, f"{location}/{key}", to)


def _check_numbers(state: Mapping[str, Any], language: str, location: str, to: Problems) -> None:
    for field, (least, most) in _NUMBERS.items():
        value = state.get(field)
        if field not in state or _is_checked_expression(value, language, f"{location}/{field}", to):
            continue
        to.integer(value, least, most, f"{location}/{field}")
    if "Timestamp" in state and not _is_checked_expression(
        state["Timestamp"], language, f"{location}/Timestamp", to
    ):
        place, value = f"{location}/Timestamp", state["Timestamp"]
        if to.string(value, place):
            message = "String does not match RFC3339 timestamp"
            to.attempt(timestamps.from_text, value, place, message)
    for field in ({*_NUMBERS} - {"Seconds"}) | {*_TEXTS}:
        to.only_one(state, (field, f"{field}Path"), location)


def _check_texts(state: Mapping[str, Any], language: str, location: str, to: Problems) -> None:
    for field in _TEXTS:
        value = state.get(field, "")
        if not _is_checked_expression(value, language, f"{location}/{field}", to):
            to.string(value, f"{location}/{field}")


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
            message = (
                f"Invalid variable name '{name}': the variable name contains invalid characters."
            )
            to.add(f"{location}/Assign", message, "INVALID_VARIABLE_NAME")
        if name == "states":
            message = "Cannot assign to reserved variable '$states'."
            to.add(f"{location}/Assign", message, "RESERVED_VARIABLE_NAME")
