"""Choice rules of JSONPath states: comparisons, And, Or, Not."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.workflows import json_values, paths, timestamps
from localcloud.workflows.errors import StateError
from localcloud.workflows.paths import Data, PathNotFoundError
from localcloud.workflows.problems import Problems

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}


def _is_timestamp(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        timestamps.from_text(value)
    except ValueError:
        return False
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


# Type name: whether a value is of it, and what of the value is compared.
_TYPES: dict[str, tuple[Callable[[Any], bool], Callable[[Any], Any]]] = {
    "String": (_is_text, str),
    "Numeric": (json_values.is_number, lambda value: value),
    "Boolean": (_is_boolean, bool),
    "Timestamp": (_is_timestamp, timestamps.from_text),
}
_COMPARISONS = {
    f"{kind}{order}": (kind, compare)
    for kind in _TYPES
    for order, compare in _ORDERS.items()
    if kind != "Boolean" or order == "Equals"
}
_TESTS: dict[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": json_values.is_number,
    "IsString": _is_text,
    "IsBoolean": _is_boolean,
    "IsTimestamp": _is_timestamp,
}
_COMBINATIONS = ("And", "Or", "Not")
ONE_KIND = (
    "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]"
)
_OPERATORS = {
    *_COMPARISONS,
    *(f"{name}Path" for name in _COMPARISONS),
    *_TESTS,
    "IsPresent",
    "StringMatches",
}


def matches(rule: Mapping[str, Any], data: Data) -> bool:
    """Whether the rule holds. States.Runtime when its Variable isn't there."""
    if "And" in rule:
        return all(matches(inner, data) for inner in rule["And"])
    if "Or" in rule:
        return any(matches(inner, data) for inner in rule["Or"])
    if "Not" in rule:
        return not matches(rule["Not"], data)
    name = next(iter(rule.keys() & _OPERATORS))
    if name == "IsPresent":
        return _is_present(rule["Variable"], data) is rule[name]
    return _holds(name, _value(rule["Variable"], data), rule[name], data)


def _holds(name: str, value: Any, operand: Any, data: Data) -> bool:
    if name in _TESTS:
        return _TESTS[name](value) is operand
    if name == "StringMatches":
        return isinstance(value, str) and bool(_pattern(operand).fullmatch(value))
    if name.endswith("Path"):
        name, operand = name.removesuffix("Path"), _value(operand, data)
    kind, compare = _COMPARISONS[name]
    of_kind, key = _TYPES[kind]
    return of_kind(value) and of_kind(operand) and compare(key(value), key(operand))


def _is_present(variable: str, data: Data) -> bool:
    try:
        found = paths.evaluate(variable, data)
    except PathNotFoundError:
        return False
    return paths.compile_path(variable).definite or found != []


def _value(variable: str, data: Data) -> Any:
    try:
        return paths.evaluate(variable, data)
    except PathNotFoundError as error:
        raise StateError(
            "States.Runtime",
            f"Invalid path '{variable}': The choice state's condition path references an invalid "
            "value.",
        ) from error


def _pattern(text: str) -> re.Pattern[str]:
    """`*` matches any characters; `\\*` and `\\\\` are themselves."""
    pieces = re.findall(r"\\[*\\]|\*|[^*\\]+|\\", text)
    return re.compile(
        "".join(".*" if piece == "*" else re.escape(_literal(piece)) for piece in pieces),
        re.DOTALL,
    )


def _literal(piece: str) -> str:
    return piece[1:] if piece in {r"\*", "\\\\"} else piece


def check(rule: Any, location: str, to: Problems, *, top: bool) -> None:
    """Report what is wrong with a rule; `top` for one that carries Next."""
    rule = to.object(rule, location)
    extra = {"Next", "Assign", "Comment"} if top else {"Comment"}
    combination = next((name for name in _COMBINATIONS if name in rule), None)
    if sum(name in rule for name in (*_COMBINATIONS, "Variable")) != 1:
        to.add(location, ONE_KIND)
        return
    if combination:
        to.unknown_fields(rule, {combination, *extra}, location)
        _check_combination(rule, combination, location, to)
        return
    to.unknown_fields(rule, {"Variable", *_OPERATORS, *extra}, location)
    names = sorted(rule.keys() & _OPERATORS)
    if not names:
        to.add(location, "A choice rule needs exactly one comparison operator")
    to.only_one(rule, names, location)
    _check_path(rule["Variable"], f"{location}/Variable", to)
    for name in names:
        _check_operand(name, rule[name], f"{location}/{name}", to)


def _check_combination(rule: dict[str, Any], name: str, location: str, to: Problems) -> None:
    if name == "Not":
        check(rule[name], f"{location}/Not", to, top=False)
        return
    for index, inner in enumerate(to.array(rule[name], f"{location}/{name}")):
        check(inner, f"{location}/{name}[{index}]", to, top=False)


def _check_path(value: Any, location: str, to: Problems) -> None:
    if not to.string(value, location):
        return
    if value.startswith("$"):
        to.attempt(paths.compile_path, value, location)
    else:
        what = "Value is not a Reference Path: Reference path didn't start with '$'"
        to.add(location, what)


def _check_operand(name: str, operand: Any, location: str, to: Problems) -> None:
    if name.endswith("Path"):
        _check_path(operand, location, to)
    elif name in _TESTS or name == "IsPresent":
        if not _is_boolean(operand):
            to.add(location, "Expected value of type Boolean")
    elif name == "StringMatches":
        to.string(operand, location)
    elif not _TYPES[_COMPARISONS[name][0]][0](operand):
        to.add(location, f"Expected a value of type {_COMPARISONS[name][0]}")
