"""Patterns of log events that are JSON: { $.status = 500 && $.user.name != "a*" }."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from localcloud.log_filters.expressions import parse_expression

_STEP = re.compile(r'\.([\w@:/-]+)|\["([^"]+)"\]|\[\'([^\']+)\'\]|\[(\d+|\*)\]')
_Step = str | int


def json_pattern(text: str) -> Callable[[str], Callable[[str], Any] | None]:
    """The pattern between two braces; ValueError says what isn't understood."""
    if not text.endswith("}"):
        raise ValueError("Invalid filter pattern: a brace isn't closed")
    condition = parse_expression(text[1:-1], steps)

    def matches(message: str) -> Callable[[str], Any] | None:
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            return None
        if not isinstance(event, dict | list) or not condition(lambda s: _find(event, s)):
            return None
        return lambda name: _first(event, name)

    return matches


def steps(selector: str) -> list[_Step]:
    """The keys and indices of `$.a["b"][0]`; "*" within brackets stands for every element."""
    found: list[_Step] = []
    position = 1
    while selector.startswith("$") and position < len(selector):
        step = _STEP.match(selector, position)
        if step is None:
            break
        key = step[1] or step[2] or step[3]
        found.append(key if key else -1 if step[4] == "*" else int(step[4]))
        position = step.end()
    if not found or position < len(selector):
        raise ValueError(f"Invalid filter pattern: not a field of JSON: {selector}")
    return found


def _find(event: Any, selector: str) -> list[Any]:
    values = [event]
    for step in steps(selector):
        values = [each for value in values for each in _members(value, step)]
    return values


def _members(value: Any, step: _Step) -> list[Any]:
    if isinstance(step, str):
        return [value[step]] if isinstance(value, dict) and step in value else []
    if not isinstance(value, list):
        return []
    return value if step == -1 else value[step : step + 1]


def _first(event: Any, selector: str) -> Any:
    return next(iter(_find(event, selector)), None)
