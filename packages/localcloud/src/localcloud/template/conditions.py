"""CloudFormation's condition functions, in Conditions, in Rules and as Fn::If in properties."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Evaluator(Protocol):
    """What resolves the values that conditions compare."""

    def evaluate(self, value: Any, place: str) -> Any: ...

    def condition(self, value: Any, place: str) -> bool: ...


def truth(value: Any, place: str) -> bool:
    """A condition's value as a truth. ValueError where it is none."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError(f"{place}: {json.dumps(value, default=str)} is not a condition")


def _if(at: Evaluator, argument: Any, place: str) -> Any:
    if not isinstance(argument, list) or len(argument) != 3:
        raise ValueError(f"{place} takes [condition, value, other], not {json.dumps(argument)}")
    holds = at.condition({"Condition": argument[0]}, place)
    return at.evaluate(argument[1 if holds else 2], place)


def _equals(at: Evaluator, argument: Any, place: str) -> bool:
    left, right = (at.evaluate(part, place) for part in argument)
    return bool(_scalar(left) == _scalar(right))


def _and(at: Evaluator, argument: Any, place: str) -> bool:
    return all(at.condition(part, place) for part in argument)


def _or(at: Evaluator, argument: Any, place: str) -> bool:
    return any(at.condition(part, place) for part in argument)


def _not(at: Evaluator, argument: Any, place: str) -> bool:
    return not at.condition(argument[0], place)


def _contains(at: Evaluator, argument: Any, place: str) -> bool:
    values, value = (at.evaluate(part, place) for part in argument)
    return value in values


def _each_member_equals(at: Evaluator, argument: Any, place: str) -> bool:
    values, value = (at.evaluate(part, place) for part in argument)
    return all(member == value for member in values)


def _each_member_in(at: Evaluator, argument: Any, place: str) -> bool:
    members, values = (at.evaluate(part, place) for part in argument)
    return all(member in values for member in members)


def _scalar(value: Any) -> Any:
    # CloudFormation compares as strings: a parameter "1" equals the number 1.
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


CONDITION_FUNCTIONS: Mapping[str, Callable[[Evaluator, Any, str], Any]] = {
    "Fn::If": _if,
    "Fn::Equals": _equals,
    "Fn::And": _and,
    "Fn::Or": _or,
    "Fn::Not": _not,
    "Fn::Contains": _contains,
    "Fn::EachMemberEquals": _each_member_equals,
    "Fn::EachMemberIn": _each_member_in,
}
