"""Patterns of log events whose fields are apart by spaces: [ip, ..., status = 5*, bytes > 1000]."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from localcloud.log_filters.expressions import Condition, parse_expression

# A field may hold spaces between quotation marks or brackets.
_FIELD = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
_NAME = re.compile(r"\w+")
_SEPARATOR = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_REST = "..."


def delimited_pattern(text: str) -> Callable[[str], Callable[[str], Any] | None]:
    """The pattern between two brackets; ValueError says what isn't understood."""
    if not text.endswith("]"):
        raise ValueError("Invalid filter pattern: a bracket isn't closed")
    columns = [column.strip() for column in _SEPARATOR.split(text[1:-1])]
    if columns.count(_REST) > 1:
        raise ValueError("Invalid filter pattern: there may be one ... only")
    names = [_name(column) for column in columns]
    conditions = [parse_expression(c, _check) for c in columns if not _is_bare(c)]

    def matches(message: str) -> Callable[[str], Any] | None:
        fields = _named(names, _split(message))
        if fields is None or not all(_holds(condition, fields) for condition in conditions):
            return None
        return lambda name: fields.get(name.removeprefix("$"))

    return matches


def _is_bare(column: str) -> bool:
    return column == _REST or _NAME.fullmatch(column) is not None


def _name(column: str) -> str:
    if column == _REST:
        return column
    found = _NAME.match(column.lstrip("( "))
    if found is None:
        raise ValueError(f"Invalid filter pattern: not a field: {column or 'an empty one'}")
    return found[0]


def _check(selector: str) -> None:
    if not _NAME.fullmatch(selector):
        raise ValueError(f"Invalid filter pattern: not a field: {selector}")


def _split(message: str) -> list[str]:
    return [found[found.lastindex or 0] for found in _FIELD.finditer(message)]


def _named(names: Sequence[str], values: Sequence[str]) -> dict[str, str] | None:
    """Values by name; None where there are more or fewer of them than names."""
    if _REST in names:
        before = list(names).index(_REST)
        after = len(names) - before - 1
        if len(values) < before + after:
            return None
        values = [*values[:before], "", *values[len(values) - after :]]
    return dict(zip(names, values, strict=True)) if len(names) == len(values) else None


def _holds(condition: Condition, fields: dict[str, str]) -> bool:
    return condition(lambda name: [fields[name]] if name in fields else [])
