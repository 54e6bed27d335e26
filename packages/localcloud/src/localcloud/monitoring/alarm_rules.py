"""AlarmRule expressions of composite alarms.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"""\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^)"]+?))\s*\)
    |(?P<word>AND|OR|NOT|TRUE|FALSE|\(|\)))""",
    re.VERBOSE,
)
State = Callable[[str], str | None]
Rule = Callable[[State], bool]


def alarm_names(rule: str) -> list[str]:
    """The alarms a rule refers to. ValueError where it is no rule."""
    parse(rule)
    named = [m["quoted"] or m["bare"] for m in _TOKEN.finditer(rule) if m["state"]]
    return [_name(each) for each in named]


def parse(rule: str) -> Rule:
    """A predicate of the states of other alarms, by name. ValueError where it is no rule."""
    tokens, position = [], 0
    while rule[position:].strip():
        match = _TOKEN.match(rule, position)
        if match is None:
            raise ValueError(f"AlarmRule is not understood at {rule[position:].strip()[:40]!r}")
        tokens.append(match)
        position = match.end()
    parser = _Parser(tokens)
    parsed = parser.any_of()
    if parser.word() is not None or parser.left():
        raise ValueError(f"AlarmRule goes on where it should end: {rule!r}")
    return parsed


class _Parser:
    """Recursive descent: OR binds least, then AND, then NOT."""

    def __init__(self, tokens: list[re.Match[str]]) -> None:
        self._tokens, self._next = tokens, 0

    def left(self) -> bool:
        return self._next < len(self._tokens)

    def word(self) -> str | None:
        return self._tokens[self._next]["word"] if self.left() else None

    def any_of(self) -> Rule:
        parts = [self._all_of()]
        while self.word() == "OR":
            self._next += 1
            parts.append(self._all_of())
        return lambda state: any(part(state) for part in parts)

    def _all_of(self) -> Rule:
        parts = [self._one()]
        while self.word() == "AND":
            self._next += 1
            parts.append(self._one())
        return lambda state: all(part(state) for part in parts)

    def _one(self) -> Rule:
        if not self.left():
            raise ValueError("AlarmRule ends too early")
        token = self._tokens[self._next]
        self._next += 1
        word = token["word"]
        if word == "NOT":
            negated = self._one()
            return lambda state: not negated(state)
        if word == "(":
            inner = self.any_of()
            if self.word() != ")":
                raise ValueError("AlarmRule lacks a closing parenthesis")
            self._next += 1
            return inner
        if word in ("TRUE", "FALSE"):
            return lambda state: word == "TRUE"
        if word is not None:
            raise ValueError(f"AlarmRule has {word} where an alarm should be")
        wanted, name = token["state"], _name(token["quoted"] or token["bare"])
        return lambda state: state(name) == wanted


def _name(named: str) -> str:
    """An alarm's name, from its name or its ARN."""
    return named.split(":alarm:", 1)[-1].strip()
