"""How many instances are wanted at a moment: by day and hour of a company, its holidays, its peaks.

Moments are aware datetimes; days and hours are those of the company's time zone.
"""

from __future__ import annotations

import calendar
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

# An instance takes minutes until it serves: it is wanted so long before it is needed.
LEAD = timedelta(minutes=10)
_DAY = timedelta(days=1)
_STEP = timedelta(minutes=30)


@dataclass(frozen=True)
class Span:
    """From `start` until `end` ("HH:MM", "24:00" too), at least so many instances.

    Where there are `month_days`, on these only: 31 is the last of every month. On one that is no
    business day, it is the business day before it.
    """

    start: str
    end: str
    min_instances: int
    month_days: tuple[int, ...] = ()


@dataclass(frozen=True)
class Hours:
    """Business days are `weekdays` (Monday is 0) but `closed` dates, as YYYYMMDD or MMDD."""

    time_zone: str
    weekdays: tuple[int, ...]
    spans: tuple[Span, ...]
    min_instances: int
    closed: tuple[str, ...] = ()

    def as_json(self) -> str:
        return json.dumps({**asdict(self), "closed": " ".join(self.closed)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Hours:
        values: dict[str, Any] = json.loads(text)
        spans = (Span(**{**one, "month_days": tuple(one["month_days"])}) for one in values["spans"])
        return cls(
            time_zone=values["time_zone"],
            weekdays=tuple(values["weekdays"]),
            spans=tuple(spans),
            min_instances=values["min_instances"],
            closed=tuple(values["closed"].split()),
        )

    def wanted(self, moment: datetime) -> int:
        """The fewest instances that there have to be, with those that are needed soon."""
        return max(self._needed(moment), self._needed(moment + LEAD))

    def mean(self, year: int) -> float:
        """What is wanted on the average of a year."""
        start = datetime(year, 1, 1, tzinfo=UTC)
        steps = int((datetime(year + 1, 1, 1, tzinfo=UTC) - start) / _STEP)
        return sum(self.wanted(start + number * _STEP) for number in range(steps)) / steps

    def is_business_day(self, day: date) -> bool:
        return day.weekday() in self.weekdays and not (
            f"{day:%Y%m%d}" in self._closed or f"{day:%m%d}" in self._closed
        )

    def _needed(self, moment: datetime) -> int:
        local = moment.astimezone(self._zone)
        return max(self.min_instances, *self._of(local.date(), local.time()), 0)

    def _of(self, day: date, at: time) -> Iterator[int]:
        if not self.is_business_day(day):
            return
        now = f"{at:%H:%M}"
        for span in self.spans:
            if span.start <= now < span.end and self._is_on(span, day):
                yield span.min_instances

    def _is_on(self, span: Span, day: date) -> bool:
        """Whether a business day stands for one of the span's days of the month."""
        if not span.month_days:
            return True
        due = day
        while True:
            last = calendar.monthrange(due.year, due.month)[1]
            if due.day in span.month_days or (due.day == last < max(span.month_days)):
                return True
            due += _DAY
            if self.is_business_day(due):
                return False

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def _closed(self) -> frozenset[str]:
        return frozenset(self.closed)
