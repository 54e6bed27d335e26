"""Schedules: daily, weekly, and expressions as EventBridge's rules take them.

Source: "Setting a schedule pattern", Amazon EventBridge User Guide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class _CronField:
    """A field's numbers, the names that stand for them from `low` on, and its own signs."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    signs: str = ""

    def takes(self, text: str) -> bool:
        if self.signs and re.fullmatch(self.signs, text):
            return all(self._has(number) for number in re.findall(r"^\w+?(?=[LW#])", text))
        return all(self._takes_range(part) for part in text.split(","))

    def _takes_range(self, part: str) -> bool:
        match = re.fullmatch(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d*))?", part, re.ASCII)
        return match is not None and all(self._has(end) for end in match.groups()[:2] if end)

    def _has(self, text: str) -> bool:
        is_number = re.fullmatch(r"\d{1,4}", text, re.ASCII)
        return text in self.names or bool(is_number and self.low <= int(text) <= self.high)


_CRON = (
    _CronField("minutes", 0, 59),
    _CronField("hours", 0, 23),
    _CronField("day of month", 1, 31, signs=r"\?|L|\d+W"),
    _CronField("month", 1, 12, _MONTHS),
    _CronField("day of week", 1, 7, _DAYS, signs=r"\?|L|\w+L|\w+#[1-5]"),
    _CronField("year", 1970, 2199),
)


_WORDS = {"daily": "rate(1 day)", "weekly": "rate(7 days)"}


def schedule_expression(schedule: str) -> str:
    """A schedule as EventBridge takes it."""
    return _WORDS.get(schedule, schedule)


def schedule_problem(expression: str) -> str | None:
    """What EventBridge would refuse in an expression, as one sentence; None where it's fine."""
    if expression in _WORDS:
        return None
    match = re.fullmatch(r"(cron|rate)\((.*)\)", expression)
    if not match:
        return "daily, weekly, cron(...) or rate(...), such as cron(0 18 ? * SAT *) or rate(7 days)"
    return _cron_problem(match[2]) if match[1] == "cron" else _rate_problem(match[2])


def _rate_problem(inside: str) -> str | None:
    if re.fullmatch(r"1 (minute|hour|day)|(?!1 )[1-9]\d* (minutes|hours|days)", inside, re.ASCII):
        return None
    return "a rate is rate(1 day), or rate(7 days): whole minutes, hours or days"


def _cron_problem(inside: str) -> str | None:
    parts = inside.upper().split()
    if len(parts) != len(_CRON):
        names = ", ".join(field.name for field in _CRON)
        return f"cron takes six fields ({names}), not {len(parts)}"
    for field, part in zip(_CRON, parts, strict=True):
        if not field.takes(part):
            return f"cron's {field.name} can't be {part}"
    if (parts[2] == "?") == (parts[4] == "?"):
        return (
            "cron takes ? as exactly one of day of month and day of week, "
            "as in cron(0 18 ? * SAT *)"
        )
    return None
