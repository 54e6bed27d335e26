"""AWS's cron expressions: minutes, hours, day of month, month, day of week, year.

Source: "Setting a schedule pattern", Amazon EventBridge User Guide. They differ from Unix cron:
there is a year, Sunday is 1, and `?`, `L`, `W` and `#` choose days.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

_MONTH_NAMES = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN"]
_MONTH_NAMES += ["JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAY_NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_DAYS = {name: number for number, name in enumerate(_DAY_NAMES, start=1)}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199

_DayTest = Callable[[date], bool]


@dataclass(frozen=True)
class Cron:
    """The times an expression names, in one time zone."""

    times: tuple[tuple[int, int], ...]  # (hour, minute) of a day, in order
    months: frozenset[int]
    years: frozenset[int]
    day: _DayTest
    zone: tzinfo

    def next_after(self, when: datetime) -> datetime | None:
        """The first time later than `when`, as aware UTC; None when the years have run out."""
        day = when.astimezone(self.zone).date()
        while day.year <= _LAST_YEAR:
            if day.year not in self.years:
                day = date(day.year + 1, 1, 1)
            elif day.month not in self.months:
                day = _first_of_next_month(day)
            else:
                found = self._on(day, when) if self.day(day) else None
                if found:
                    return found
                day += timedelta(days=1)
        return None

    def _on(self, day: date, when: datetime) -> datetime | None:
        for hour, minute in self.times:
            local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
            moment = local.astimezone(UTC)
            # An hour that daylight saving skips is skipped; one that it repeats counts once.
            exists = moment.astimezone(self.zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            if exists and moment > when:
                return moment
        return None


def parse_cron(fields: str, zone: tzinfo = UTC) -> Cron:
    """What stands in the parentheses of `cron(...)`; ValueError names the field that is wrong."""
    parts = fields.upper().split()
    if len(parts) != 6:
        raise ValueError(f"cron takes 6 fields, not {len(parts)}: {fields!r}")
    minutes, hours, month_days, months, week_days, years = parts
    if (month_days == "?") == (week_days == "?"):
        raise ValueError("cron needs ? in exactly one of day-of-month and day-of-week")
    hour_set = _numbers("hours", hours, 0, 23)
    minute_set = _numbers("minutes", minutes, 0, 59)
    return Cron(
        times=tuple((hour, minute) for hour in sorted(hour_set) for minute in sorted(minute_set)),
        months=_numbers("month", months, 1, 12, _MONTHS),
        years=_numbers("year", years, _FIRST_YEAR, _LAST_YEAR),
        day=_week_days(week_days) if month_days == "?" else _month_days(month_days),
        zone=zone,
    )


def _first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _numbers(
    field: str, text: str, low: int, high: int, names: dict[str, int] | None = None
) -> frozenset[int]:
    chosen: set[int] = set()
    for part in text.split(","):
        chosen.update(_one_range(field, part, low, high, names or {}))
    return frozenset(chosen)


def _one_range(field: str, part: str, low: int, high: int, names: dict[str, int]) -> range:
    match = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", part)
    if not match or (match[1] == "*" and match[2]):
        raise ValueError(f"cron's {field} field can't be {part!r}")
    step = int(match[3]) if match[3] else 1
    if match[1] == "*":
        first, last = low, high
    else:
        first = _number(field, match[1], low, high, names)
        last = _number(field, match[2], low, high, names) if match[2] else first
        if match[3] and not match[2]:
            last = high
    if step < 1 or first > last:
        raise ValueError(f"cron's {field} field can't be {part!r}")
    return range(first, last + 1, step)


def _number(field: str, text: str, low: int, high: int, names: dict[str, int]) -> int:
    value = names.get(text, int(text) if text.isdecimal() else None)
    if value is None or not low <= value <= high:
        raise ValueError(f"cron's {field} field takes {low} to {high}, not {text!r}")
    return value


def _month_days(text: str) -> _DayTest:
    if text == "L":
        return lambda day: day.day == _month_length(day)
    if weekday := re.fullmatch(r"(\d+)W", text):
        nearest = _number("day-of-month", weekday[1], 1, 31, {})
        return lambda day: day == _nearest_weekday(day, nearest)
    days = _numbers("day-of-month", text, 1, 31)
    return lambda day: day.day in days


def _week_days(text: str) -> _DayTest:
    if text == "L":
        text = "SAT"
    if last := re.fullmatch(r"(\w+)L", text):
        wanted = _number("day-of-week", last[1], 1, 7, _DAYS)
        return lambda day: _week_day(day) == wanted and day.day > _month_length(day) - 7
    if nth := re.fullmatch(r"(\w+)#(\d)", text):
        wanted = _number("day-of-week", nth[1], 1, 7, _DAYS)
        ordinal = _number("day-of-week", nth[2], 1, 5, {})
        return lambda day: _week_day(day) == wanted and (day.day - 1) // 7 + 1 == ordinal
    days = _numbers("day-of-week", text, 1, 7, _DAYS)
    return lambda day: _week_day(day) in days


def _week_day(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _month_length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, wanted: int) -> date | None:
    """The weekday nearest to the month's `wanted` day, within the month."""
    length = _month_length(day)
    if wanted > length:
        return None
    target = day.replace(day=wanted)
    if target.weekday() == 5:
        return target + timedelta(days=-1 if wanted > 1 else 2)
    if target.weekday() == 6:
        return target + timedelta(days=1 if wanted < length else -2)
    return target
