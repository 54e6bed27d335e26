"""Conditions on the fields of a log event, joined by && and ||."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

# Every value that a selector finds in an event: several for a wildcard, none for a missing field.
Find = Callable[[str], list[Any]]
Condition = Callable[[Find], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<join>&&|\|\||[()])|(?P<operator>!=|>=|<=|=|<|>)|(?P<quoted>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<regex>%[^%]+%)|(?P<word>(?:\[[^\]\s]*\]|[^\s()&|=<>!\"%\[\]])+))"
)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_STATES: dict[str, Callable[[Any], bool]] = {
    "NULL": lambda value: value is None,
    "TRUE": lambda value: value is True,
    "FALSE": lambda value: value is False,
}
# What AWS allows in %...%: no groups, which could also run for ever.
_REGEX = re.compile(r"[\w\s:#=@/;,^$?\[\]{}|\\*+.-]+", re.ASCII)


def parse_expression(text: str, check: Callable[[str], object]) -> Condition:
    """The condition of its text; `check` raises ValueError for a selector that it doesn't know."""
    parser = _Parser(_tokens(text), check)
    condition = parser.any_of()
    if parser.tokens:
        raise _unclear(parser.tokens[0][1])
    return condition


def regular_expression(text: str) -> re.Pattern[str]:
    """The expression between two percent signs."""
    inner = text[1:-1]
    if len(text) < 3 or not text.endswith("%") or not _REGEX.fullmatch(inner):
        raise ValueError(f"Invalid filter pattern: not a regular expression of Logs: {text}")
    try:
        return re.compile(inner)
    except re.error as error:
        raise ValueError(f"Invalid filter pattern: {text}: {error}") from error


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position, text = [], 0, text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise _unclear(text[position:])
        tokens.append((found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return tokens


def _unclear(rest: str) -> ValueError:
    return ValueError(f"Invalid filter pattern: not understood: {rest.strip() or 'its end'}")


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], check: Callable[[str], object]) -> None:
        self.tokens, self._check = tokens, check

    def any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._take("||"):
            parts.append(self._all_of())
        return lambda find: any(part(find) for part in parts)

    def _all_of(self) -> Condition:
        parts = [self._one()]
        while self._take("&&"):
            parts.append(self._one())
        return lambda find: all(part(find) for part in parts)

    def _one(self) -> Condition:
        if self._take("("):
            inside = self.any_of()
            if not self._take(")"):
                raise _unclear(self.tokens[0][1] if self.tokens else "")
            return inside
        selector = self._next("word")
        self._check(selector)
        if self.tokens and self.tokens[0][0] == "word":
            return self._state(selector)
        compare = _comparison(self._next("operator"), *self._value())
        return lambda find: any(compare(value) for value in find(selector))

    def _state(self, selector: str) -> Condition:
        words = (self._next("word"), self._next("word"))
        if words == ("NOT", "EXISTS"):
            return lambda find: not find(selector)
        if words[0] != "IS" or words[1] not in _STATES:
            raise _unclear(" ".join(words))
        holds = _STATES[words[1]]
        return lambda find: any(holds(value) for value in find(selector))

    def _value(self) -> tuple[str, str]:
        if not self.tokens or self.tokens[0][0] not in ("word", "quoted", "regex"):
            raise _unclear(self.tokens[0][1] if self.tokens else "")
        return self.tokens.pop(0)

    def _next(self, kind: str) -> str:
        if not self.tokens or self.tokens[0][0] != kind:
            raise _unclear(self.tokens[0][1] if self.tokens else "")
        return self.tokens.pop(0)[1]

    def _take(self, text: str) -> bool:
        if self.tokens and self.tokens[0] == ("join", text):
            self.tokens.pop(0)
            return True
        return False


def _comparison(sign: str, kind: str, text: str) -> Callable[[Any], bool]:
    if sign in _ORDERS:
        limit, order = number(text), _ORDERS[sign]
        if limit is None or kind != "word":
            raise _unclear(f"{sign} {text}")
        return lambda value: (n := number(value)) is not None and order(n, limit)
    equals = _equality(kind, text)
    return equals if sign == "=" else lambda value: not equals(value)


def _equality(kind: str, text: str) -> Callable[[Any], bool]:
    if kind == "regex":
        wanted = regular_expression(text)
        return lambda value: wanted.search(_text(value)) is not None
    if kind == "word" and (expected := number(text)) is not None:
        return lambda value: number(value) == expected
    plain = re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "quoted" else text
    pieces = [re.escape(piece) for piece in plain.split("*")]
    pattern = re.compile(".*".join(pieces), re.DOTALL)
    return lambda value: pattern.fullmatch(_text(value)) is not None


def number(value: Any) -> float | None:
    """A value as a number; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
