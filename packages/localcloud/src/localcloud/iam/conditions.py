"""Condition operators of the policy language.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.utils import parse_timestamp

from localcloud.iam.patterns import Context, UnknownVariableError, resolved, substituted

# A comparison takes a value of the request, one of the policy, and the context for variables.
Comparison = Callable[[str, str, Context], bool]


def _string(actual: str, wanted: str, context: Context) -> bool:
    return actual == substituted(wanted, context)


def _string_ignoring_case(actual: str, wanted: str, context: Context) -> bool:
    return actual.casefold() == substituted(wanted, context).casefold()


def _like(actual: str, wanted: str, context: Context) -> bool:
    return resolved(wanted, context).fullmatch(actual) is not None


def _arn(actual: str, wanted: str, context: Context) -> bool:
    # Wildcards of an ARN stay within its parts; the sixth is all the rest.
    ours, theirs = actual.split(":", 5), wanted.split(":", 5)
    if len(theirs) != 6 and wanted != "*" and "${" not in wanted:
        return False
    if len(ours) != len(theirs):
        return _like(actual, wanted, context)
    return all(_like(a, w, context) for a, w in zip(ours, theirs, strict=True))


def _boolean(actual: str, wanted: str, context: Context) -> bool:
    return actual.lower() == wanted.lower()


def _address(actual: str, wanted: str, context: Context) -> bool:
    try:
        return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _ordered(compare: Callable[[Any, Any], bool], read: Callable[[str], Any]) -> Comparison:
    def comparison(actual: str, wanted: str, context: Context) -> bool:
        try:
            return compare(read(actual), read(substituted(wanted, context)))
        except ValueError:
            return False

    return comparison


def _date(value: str) -> datetime:
    moment: datetime = parse_timestamp(float(value) if re.fullmatch(r"[\d.]+", value) else value)
    return moment.astimezone()


_POSITIVE: dict[str, Comparison] = {
    "StringEquals": _string,
    "StringEqualsIgnoreCase": _string_ignoring_case,
    "StringLike": _like,
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": _boolean,
    "BinaryEquals": _string,
    "IpAddress": _address,
}
_ORDERS = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
for _name, _compare in _ORDERS.items():
    _POSITIVE[f"Numeric{_name}"] = _ordered(_compare, float)
    _POSITIVE[f"Date{_name}"] = _ordered(_compare, _date)

_NEGATIVE: dict[str, Comparison] = {
    "StringNotEquals": _string,
    "StringNotEqualsIgnoreCase": _string_ignoring_case,
    "StringNotLike": _like,
    "ArnNotEquals": _arn,
    "ArnNotLike": _arn,
    "NotIpAddress": _address,
    "NumericNotEquals": _POSITIVE["NumericEquals"],
    "DateNotEquals": _POSITIVE["DateEquals"],
}


@dataclass(frozen=True)
class Condition:
    """One operator on one context key, with the values a policy gives for it."""

    operator: str
    key: str
    values: tuple[str, ...]
    quantifier: str = ""
    if_exists: bool = False

    def holds(self, context: Context) -> bool:
        """Whether the request satisfies this condition."""
        found = context.get(self.key)
        actual = (found,) if isinstance(found, str) else tuple(found or ())
        if self.operator == "Null":
            return any((value.lower() == "true") == (not actual) for value in self.values)
        if not actual:
            return self._without_key()
        if self.quantifier == "ForAllValues":
            return all(self._matches(value, context) for value in actual)
        if self.quantifier == "ForAnyValue" or self.operator in _POSITIVE:
            return any(self._matches(value, context) for value in actual)
        return all(self._matches(value, context) for value in actual)

    def _without_key(self) -> bool:
        if self.quantifier == "ForAnyValue":
            return False
        return self.if_exists or self.quantifier == "ForAllValues" or self.operator in _NEGATIVE

    def _matches(self, actual: str, context: Context) -> bool:
        negative = _NEGATIVE.get(self.operator)
        comparison = negative or _POSITIVE[self.operator]
        matched = any(_compared(comparison, actual, wanted, context) for wanted in self.values)
        return not matched if negative else matched


def _compared(comparison: Comparison, actual: str, wanted: str, context: Context) -> bool:
    try:
        return comparison(actual, wanted, context)
    except UnknownVariableError:
        return False


def parse_conditions(block: Any) -> tuple[Condition, ...]:
    """The conditions of a statement's Condition. ValueError names what isn't understood."""
    if not isinstance(block, dict):
        raise ValueError("Condition must be an object of operators")
    return tuple(
        _parse_condition(written, key, values)
        for written, keys in block.items()
        for key, values in _keys(written, keys)
    )


def _keys(written: str, keys: Any) -> Sequence[tuple[str, Any]]:
    if not isinstance(keys, dict):
        raise ValueError(f"Condition operator {written} must hold an object of keys")
    return list(keys.items())


def _parse_condition(written: str, key: str, values: Any) -> Condition:
    quantifier, _, name = written.rpartition(":")
    if_exists = name.endswith("IfExists") and name != "NullIfExists"
    name = name.removesuffix("IfExists") if if_exists else name
    known = name == "Null" or name in _POSITIVE or name in _NEGATIVE
    if not known or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"unknown condition operator {written!r}")
    listed = values if isinstance(values, list) else [values]
    return Condition(name, key.lower(), tuple(map(_text, listed)), quantifier, if_exists)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise ValueError(f"a condition's value must be a string, a number or a bool: {value!r}")
    return str(value)
