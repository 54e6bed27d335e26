"""EventBridge's event patterns: does an event match?

Source: "Creating Amazon EventBridge event patterns", Amazon EventBridge User Guide. As in AWS, the
fields of a nested pattern must be met by one and the same element where the event has an array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from localcloud.calls import ServiceError
from localcloud.events.operators import PatternError, Test, exact, named

Path = tuple[str, ...]
_Match = Callable[[Any, Any], bool]  # (the whole event, the part of it at this level)


class Pattern:
    """A checked event pattern.

    Raises `ServiceError` InvalidEventPatternException, naming the operator or field, where the
    pattern isn't one.
    """

    def __init__(self, pattern: dict[str, Any]) -> None:
        try:
            self._match = _object(pattern, ())
        except PatternError as error:
            message = f"Event pattern is not valid. Reason: {error}"
            raise ServiceError("InvalidEventPatternException", message) from error

    def matches(self, event: dict[str, Any]) -> bool:
        return self._match(event, event)


def check(pattern: dict[str, Any]) -> None:
    """Refuse what isn't an event pattern: InvalidEventPatternException."""
    Pattern(pattern)


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """True when `event` matches `pattern`; keep a `Pattern` to match many events."""
    return Pattern(pattern).matches(event)


def _object(pattern: Any, path: Path) -> _Match:
    if not isinstance(pattern, dict):
        raise PatternError(f'"{".".join(path) or "Filter"}" must be an object or an array')
    if not pattern:
        raise PatternError("Empty objects are not allowed")
    tests = [
        _or(part, path) if name == "$or" else _field(name, part, (*path, name))
        for name, part in pattern.items()
    ]
    return lambda event, here: all(test(event, here) for test in tests)


def _or(alternatives: Any, path: Path) -> _Match:
    if not isinstance(alternatives, list) or len(alternatives) < 2:
        raise PatternError("$or takes an array of at least two patterns")
    tests = [_object(alternative, path) for alternative in alternatives]
    return lambda event, here: any(test(event, here) for test in tests)


def _field(name: str, part: Any, path: Path) -> _Match:
    if isinstance(part, list):
        return _leaf(name, part, path)
    inside = _object(part, path)

    def match(event: Any, here: Any) -> bool:
        # An absent object still meets a pattern that asks for absent fields only.
        below = here.get(name, {}) if isinstance(here, dict) else {}
        return any(inside(event, element) for element in list(_elements(below)) or [{}])

    return match


def _leaf(name: str, alternatives: list[Any], path: Path) -> _Match:
    if not alternatives:
        raise PatternError("Empty arrays are not allowed")
    matchers = [_alternative(alternative, path) for alternative in alternatives]

    def match(event: Any, here: Any) -> bool:
        values = list(_leaves(here, (name,)))
        return any(matcher(event, values) for matcher in matchers)

    return match


def _alternative(alternative: Any, path: Path) -> _Match:
    if isinstance(alternative, dict):
        if len(alternative) != 1:
            raise PatternError("Only one key allowed in match expression")
        operator_name, argument = next(iter(alternative.items()))
        if operator_name == "exists":
            return _exists(argument, path)
        test = named(operator_name, argument)
    elif isinstance(alternative, list):
        raise PatternError(f'"{".".join(path)}" can\'t have an array inside its array')
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
