"""The comparison operators of EventBridge's event patterns.

Source: "Comparison operators for use in event patterns", Amazon EventBridge User Guide.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable
from typing import Any

Test = Callable[[Any], bool]


class PatternError(ValueError):
    """What is wrong with an event pattern."""


def exact(expected: Any) -> Test:
    """Equality as JSON knows it: `true` isn't 1, and `300` is `300.0`."""
    if expected is None or isinstance(expected, bool):
        return lambda value: value is expected
    if isinstance(expected, int | float):
        return lambda value: _is_number(value) and bool(value == expected)
    if isinstance(expected, str):
        return lambda value: isinstance(value, str) and value == expected
    raise PatternError(f"a pattern's value can't be {type(expected).__name__}")


def named(name: str, argument: Any) -> Test:
    """The operator `{name: argument}` as a test of one value."""
    if name not in _OPERATORS:
        raise PatternError(f"Unrecognized match type {name}")
    return _OPERATORS[name](argument)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(operator_name: str, argument: Any) -> str:
    if not isinstance(argument, str):
        raise PatternError(f"{operator_name} match pattern must be a string")
    return argument


def _one_operator(
    argument: dict[str, Any], allowed: tuple[str, ...], outer: str
) -> tuple[str, Any]:
    if len(argument) != 1:
        raise PatternError(f"{outer} takes exactly one operator")
    name, inner = next(iter(argument.items()))
    if name not in allowed:
        raise PatternError(f"Unsupported {outer} pattern: {name}")
    return name, inner


def _affix(name: str, test: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def build(argument: Any) -> Test:
        if isinstance(argument, dict):
            _, inner = _one_operator(argument, ("equals-ignore-case",), name)
            folded = _text(name, inner).casefold()
            return lambda value: isinstance(value, str) and test(value.casefold(), folded)
        text = _text(name, argument)
        return lambda value: isinstance(value, str) and test(value, text)

    return build


def _equals_ignore_case(argument: Any) -> Test:
    folded = _text("equals-ignore-case", argument).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _wildcard(argument: Any) -> Test:
    literals = [""]
    text = _text("wildcard", argument)
    for part in re.findall(r"\\.?|\*+|[^\\*]+", text, re.DOTALL):
        if part.startswith("*"):
            if len(part) > 1:
                raise PatternError("Consecutive wildcard characters are not allowed")
            literals.append("")
        elif part.startswith("\\"):
            if part not in ("\\*", "\\\\"):
                raise PatternError(f"Invalid escape character in wildcard {text!r}")
            literals[-1] += part[1]
        else:
            literals[-1] += part
    return lambda value: isinstance(value, str) and _in_order(literals, value)


def _in_order(literals: list[str], value: str) -> bool:
    """True when `value` is the literals with anything between them."""
    if len(literals) == 1:
        return value == literals[0]
    first, *middle, last = literals
    end = len(value) - len(last)
    position = len(first)
    if position > end or not value.startswith(first) or not value.endswith(last):
        return False
    for literal in middle:
        found = value.find(literal, position, end)
        if found < 0:
            return False
        position = found + len(literal)
    return True


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}


def _numeric(argument: Any) -> Test:
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        raise PatternError("numeric takes a list of one or two comparisons")
    bounds: list[tuple[Callable[[Any, Any], bool], float]] = []
    for sign, bound in zip(argument[::2], argument[1::2], strict=True):
        if not isinstance(sign, str) or sign not in _COMPARISONS:
            raise PatternError(f"Unrecognized numeric range operator: {sign}")
        if not _is_number(bound):
            raise PatternError(f"Value of {sign} must be numeric")
        bounds.append((_COMPARISONS[sign], bound))
    if len(bounds) == 2 and not (argument[0][0] == ">" and argument[2][0] == "<"):
        raise PatternError("a numeric range is a lower bound and then an upper bound")
    if len(bounds) == 2 and argument[1] >= argument[3]:
        raise PatternError("Bottom must be less than top")
    return lambda value: _is_number(value) and all(test(value, bound) for test, bound in bounds)


def _cidr(argument: Any) -> Test:
    try:
        network = ipaddress.ip_network(_text("cidr", argument), strict=False)
    except ValueError as error:
        raise PatternError(f"Malformed CIDR: {error}") from error

    def inside(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return inside


def _anything_but(argument: Any) -> Test:
    if isinstance(argument, dict):
        allowed = ("prefix", "suffix", "wildcard", "equals-ignore-case")
        name, inner = _one_operator(argument, allowed, "anything-but")
        tests = [named(name, item) for item in _some(inner)]
    else:
        items = _some(argument)
        kinds = {"number" if _is_number(item) else type(item).__name__ for item in items}
        if kinds not in ({"number"}, {"str"}):
            raise PatternError("anything-but takes strings or numbers, not both, and nothing else")
        tests = [exact(item) for item in items]
    return lambda value: not any(test(value) for test in tests)


def _some(argument: Any) -> list[Any]:
    items = argument if isinstance(argument, list) else [argument]
    if not items:
        raise PatternError("Empty arrays are not allowed")
    return items


_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "prefix": _affix("prefix", str.startswith),
    "suffix": _affix("suffix", str.endswith),
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
