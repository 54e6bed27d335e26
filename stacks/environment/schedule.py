"""Schedules: daily, weekly, and expressions as EventBridge's rules take them.

Source: "Setting a schedule pattern", Amazon EventBridge User Guide.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RANGE = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d{0,3}))?", re.ASCII)


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

    def numbers(self, text: str) -> set[int]:
        """The numbers that a text without signs stands for; one that the field takes."""
        return {number for part in text.split(",") for number in self._numbers_of(part)}

    def _numbers_of(self, part: str) -> Iterator[int]:
        match = _RANGE.fullmatch(part)
        assert match is not None
        first, last, step = match.groups()
        start = self._number(first) if first else self.low
        is_open = not first or step
        end = self._number(last) if last else (self.high if is_open else start)
        # A range may go round: from November to February.
        end += self.high - self.low + 1 if end < start else 0
        for number in range(start, end + 1, int(step or 1)):
            yield (number - self.low) % (self.high - self.low + 1) + self.low

    def _number(self, text: str) -> int:
        return self.names.index(text) + self.low if text in self.names else int(text)

    def _takes_range(self, part: str) -> bool:
        match = _RANGE.fullmatch(part)
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
    return _date_problem(parts[2], parts[3], parts[5])


def _date_problem(day: str, month: str, year: str) -> str | None:
    """EventBridge takes a day that no month has, and never starts anything."""
    if day in ("?", "L"):
        return None
    day_field, month_field, year_field = _CRON[2], _CRON[3], _CRON[5]
    first = min(day_field.numbers(day.removesuffix("W")))
    months = month_field.numbers(month)
    if any(
        first <= calendar.monthrange(number, of_year)[1]
        for number in year_field.numbers(year)
        for of_year in months
    ):
        return None
    return f"it would never come: no month has a day {day} (cron's month {month}, year {year})"
