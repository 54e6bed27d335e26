"""The comparison operators of EventBridge's event patterns.

Source: "Comparison operators for use in event patterns", Amazon EventBridge User Guide.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from localcloud.events import wildcards

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


def only_operator(argument: dict[str, Any]) -> tuple[str, Any]:
    """The one operator of a match expression, and what it takes."""
    if len(argument) != 1:
        raise PatternError("Only one key allowed in match expression")
    name, inner = next(iter(argument.items()))
    return name, inner


def _affix(name: str, test: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def build(argument: Any) -> Test:
        if isinstance(argument, dict):
            inner_name, inner = only_operator(argument)
            if inner_name != "equals-ignore-case":
                raise PatternError(f"Unsupported {name} pattern: {inner_name}")
            folded = _text(name, inner).casefold()
            return lambda value: isinstance(value, str) and test(value.casefold(), folded)
        text = _text(name, argument)
        return lambda value: isinstance(value, str) and test(value, text)

    return build


def _equals_ignore_case(argument: Any) -> Test:
    folded = _text("equals-ignore-case", argument).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _wildcard(argument: Any) -> Test:
    try:
        matches = wildcards.matcher(_text("wildcard", argument))
    except ValueError as error:
        raise PatternError(str(error)) from error
    return lambda value: isinstance(value, str) and matches(value)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}


def _numeric(argument: Any) -> Test:
    if not isinstance(argument, list):
        raise PatternError("Value of numeric must be an array.")
    bounds = list(_bounds(argument))
    if len(bounds) > 2:
        raise PatternError("Too many terms in numeric range expression")
    if len(bounds) == 2 and bounds[0][0] not in (operator.gt, operator.ge):
        raise PatternError("Too many terms in numeric range expression")
    if len(bounds) == 2 and bounds[1][0] not in (operator.lt, operator.le):
        raise PatternError(f"Bad numeric range operator: {argument[2]}")
    if len(bounds) == 2 and bounds[0][1] >= bounds[1][1]:
        raise PatternError("Bottom must be less than top")
    return lambda value: _is_number(value) and all(test(value, bound) for test, bound in bounds)


def _bounds(terms: list[Any]) -> Iterator[tuple[Callable[[Any, Any], bool], float]]:
    """The comparisons of a numeric operator: a sign, then its number."""
    if not terms:
        raise PatternError("Invalid member in numeric match: ]")
    for index in range(0, len(terms), 2):
        sign, bound = terms[index], (terms[index + 1 :] or [None])[0]
        if not isinstance(sign, str) or sign not in _COMPARISONS:
            raise PatternError(f"Unrecognized numeric range operator: {sign}")
        if not _is_number(bound):
            raise PatternError(f"Value of {sign} must be numeric")
        yield _COMPARISONS[sign], bound


def _cidr(argument: Any) -> Test:
    network = _network(_text("prefix", argument))

    def inside(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return inside


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    address, *masks = text.split("/")
    if len(masks) != 1:
        raise PatternError("Malformed CIDR, one '/' required")
    if not re.fullmatch(r"[+-]?[0-9]+", masks[0]):
        raise PatternError("Malformed CIDR, mask bits must be an integer")
    bits = int(masks[0])
    if bits < 0:
        raise PatternError("Malformed CIDR, mask bits must not be negative")
    try:
        version = ipaddress.ip_address(address).version
    except ValueError as error:
        raise PatternError(f"Nonstandard IP address: {address}") from error
    most = 32 if version == 4 else 128
    if bits >= most:
        raise PatternError(f"IPv{version} mask bits must be < {most}")
    return ipaddress.ip_network(f"{address}/{bits}", strict=False)


def _anything_but(argument: Any) -> Test:
    if isinstance(argument, dict):
        tests = _tests_inside(*only_operator(argument))
    else:
        tests = [exact(item) for item in _plain(argument)]
    return lambda value: not any(test(value) for test in tests)


def _tests_inside(name: str, argument: Any) -> list[Test]:
    """The tests of the operator inside an anything-but; a list of texts is any of them."""
    if name not in ("prefix", "suffix", "wildcard", "equals-ignore-case"):
        raise PatternError(f"Unsupported anything-but pattern: {name}")
    if isinstance(argument, dict):
        raise PatternError(_NOT_A_VALUE)
    texts = _some(argument)
    if not all(isinstance(text, str) for text in texts):
        raise PatternError(_NOT_TEXTS[name])
    if name in ("prefix", "suffix") and "" in texts:
        raise PatternError("Null prefix/suffix not allowed")
    return [named(name, text) for text in texts]


_NOT_A_VALUE = "Value of anything-but must be an array or single string/number value."
_NOT_TEXTS = {
    "prefix": "prefix/suffix match pattern must be a string",
    "suffix": "prefix/suffix match pattern must be a string",
    "wildcard": "wildcard match pattern must be a string",
    "equals-ignore-case": "Inside anything-but/equals-ignore-case list, "
    "number|start|null|boolean is not supported.",
}


def check_wildcards(alternatives: list[Any]) -> None:
    """PatternError where the wildcards among a field's alternatives are too complex together."""
    texts: list[str] = []
    for alternative in alternatives:
        operators = alternative if isinstance(alternative, dict) else {}
        inside = operators.get("anything-but", operators)
        if isinstance(inside, dict) and "wildcard" in inside:
            texts += _some(inside["wildcard"])
    if texts and wildcards.are_too_complex(texts):
        raise PatternError(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating "
            "character sequences after a wildcard character"
        )


def _plain(argument: Any) -> list[Any]:
    """The values that an anything-but excludes: texts or numbers."""
    items = _some(argument)
    kinds = {"number" if _is_number(item) else type(item).__name__ for item in items}
    if kinds <= {"number", "str"} and len(kinds) == 1:
        return items
    if not isinstance(argument, list):
        raise PatternError(_NOT_A_VALUE)
    if kinds <= {"number", "str"}:
        raise PatternError(
            "Inside anything but list, either all values are number or string, "
            "mixed type is not supported"
        )
    raise PatternError("Inside anything but list, start|null|boolean is not supported.")


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
