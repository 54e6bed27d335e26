"""EventBridge's event patterns: does an event match?

Source: "Creating Amazon EventBridge event patterns", Amazon EventBridge User Guide. As in AWS, the
fields of a nested pattern must be met by one and the same element where the event has an array, and
a name with dots is a nested one: `"cup.size"` is `"cup": {"size": …}`, in events and in patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from localcloud.events.operators import (
    PatternError,
    Test,
    check_wildcards,
    exact,
    named,
    only_operator,
)
from localcloud.service import ServiceError

Path = tuple[str, ...]
_Match = Callable[[Any, Any], bool]  # (the whole event, the part of it at this level)


class Pattern:
    """A checked event pattern.

    Raises `ServiceError` InvalidEventPatternException, naming the operator or field, where the
    pattern isn't one.
    """

    def __init__(self, pattern: dict[str, Any]) -> None:
        try:
            self._match = _object(_pairs(pattern, ()), ())
        except PatternError as error:
            message = f"Event pattern is not valid. Reason: {error}"
            raise ServiceError("InvalidEventPatternException", message) from error

    def matches(self, event: dict[str, Any]) -> bool:
        whole = _nested(event)
        return self._match(whole, whole)


def check(pattern: dict[str, Any]) -> None:
    """Refuse what isn't an event pattern: InvalidEventPatternException."""
    Pattern(pattern)


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """True when `event` matches `pattern`; keep a `Pattern` to match many events."""
    return Pattern(pattern).matches(event)


def _pairs(pattern: Any, path: Path) -> list[tuple[str, Any]]:
    if not isinstance(pattern, dict):
        name = path[-1] if path else "Filter"
        raise PatternError(f'"{name}" must be an object or an array')
    if not pattern:
        raise PatternError("Empty objects are not allowed")
    return list(pattern.items())


def _object(pairs: list[tuple[str, Any]], path: Path) -> _Match:
    tests: list[_Match] = []
    inside: dict[str, list[tuple[str, Any]]] = {}
    leaves: dict[str, list[Any]] = {}
    for name, part in pairs:
        first, dot, rest = name.partition(".")
        if name == "$or":
            tests.append(_or(part, path))
        elif dot:
            inside.setdefault(first, []).append((rest, part))
        elif isinstance(part, list):
            leaves[name] = part
        else:
            inside.setdefault(name, []).extend(_pairs(part, (*path, name)))
    tests += [_leaf(name, part, (*path, name)) for name, part in leaves.items()]
    tests += [_field(name, part, (*path, name)) for name, part in inside.items()]
    return lambda event, here: all(test(event, here) for test in tests)


def _or(alternatives: Any, path: Path) -> _Match:
    if not isinstance(alternatives, list) or len(alternatives) < 2:
        raise PatternError("$or takes an array of at least two patterns")
    tests = [_object(_pairs(alternative, path), path) for alternative in alternatives]
    return lambda event, here: any(test(event, here) for test in tests)


def _field(name: str, pairs: list[tuple[str, Any]], path: Path) -> _Match:
    inside = _object(pairs, path)

    def match(event: Any, here: Any) -> bool:
        # An absent object still meets a pattern that asks for absent fields only.
        below = here.get(name, {}) if isinstance(here, dict) else {}
        return any(inside(event, element) for element in list(_elements(below)) or [{}])

    return match


def _leaf(name: str, alternatives: list[Any], path: Path) -> _Match:
    if not alternatives:
        raise PatternError("Empty arrays are not allowed")
    matchers = [_alternative(alternative, path) for alternative in alternatives]
    check_wildcards(alternatives)

    def match(event: Any, here: Any) -> bool:
        values = list(_leaves(here, (name,)))
        return any(matcher(event, values) for matcher in matchers)

    return match


def _alternative(alternative: Any, path: Path) -> _Match:
    if isinstance(alternative, dict):
        operator_name, argument = only_operator(alternative)
        if operator_name == "exists":
            return _exists(argument, path)
        test = named(operator_name, argument)
    elif isinstance(alternative, list):
        raise PatternError("Match value must be String, number, true, false, or null")
    else:
        test = exact(alternative)
    return _any_value(test)


def _any_value(test: Test) -> _Match:
    return lambda _event, values: any(test(value) for value in values)


def _exists(argument: Any, path: Path) -> _Match:
    if not isinstance(argument, bool):
        raise PatternError("exists match pattern must be either true or false")
    if argument:
        return lambda _event, values: bool(values)
    # Absent means absent from the whole event, not from one element of an array.
    return lambda event, _values: next(_leaves(event, path), _ABSENT) is _ABSENT


_ABSENT = object()


def _leaves(here: Any, path: Path) -> Iterator[Any]:
    """The values at a path that are neither objects nor arrays, through every array on the way."""
    for element in _elements(here):
        if not path:
            if not isinstance(element, dict):
                yield element
        elif isinstance(element, dict) and path[0] in element:
            yield from _leaves(element[path[0]], path[1:])


def _elements(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for element in value:
            yield from _elements(element)
    else:
        yield value


def _nested(value: Any) -> Any:
    """The value with every name that has dots in it taken apart."""
    if isinstance(value, list):
        return [_nested(item) for item in value]
    if not isinstance(value, dict):
        return value
    apart: dict[str, Any] = {}
    for name, item in value.items():
        *outer, last = name.split(".")
        inner = {last: _nested(item)}
        for step in reversed(outer):
            inner = {step: inner}
        _merge(apart, inner)
    return apart


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    """Add what `more` has; where both have a value, both are there."""
    for name, item in more.items():
        if name not in into:
            into[name] = item
        elif isinstance(into[name], dict) and isinstance(item, dict):
            _merge(into[name], item)
        else:
            into[name] = [into[name], item]
