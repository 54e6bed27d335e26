"""Schedule expressions of EventBridge and EventBridge Scheduler: rate(), cron(), at()."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from localcloud.events.cron import parse_cron

_UNITS = {"minute": "minutes", "hour": "hours", "day": "days"}


class Recurrence(Protocol):
    """A series of moments."""

    def next_after(self, when: datetime) -> datetime | None:
        """The first moment later than `when`, as aware UTC; None when there is none."""


@dataclass(frozen=True)
class Rate:
    """Every `period`, counted from `anchor`, which is itself the first moment."""

    period: timedelta
    anchor: datetime

    def next_after(self, when: datetime) -> datetime | None:
        if when < self.anchor:
            return self.anchor
        return self.anchor + ((when - self.anchor) // self.period + 1) * self.period


@dataclass(frozen=True)
class Once:
    """A single moment."""

    moment: datetime

    def next_after(self, when: datetime) -> datetime | None:
        return self.moment if self.moment > when else None


def parse_expression(expression: str, anchor: datetime, zone: tzinfo = UTC) -> Recurrence:
    """`rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)` or `at(2026-11-22T09:00:00)`.

    `anchor` is where rates begin; `zone` is that of cron's fields and of at's time. ValueError
    says what is wrong with the expression.
    """
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression.strip())
    if not match:
        raise ValueError(f"not a rate(), cron() or at() expression: {expression!r}")
    kind, inside = match[1], match[2].strip()
    if kind == "rate":
        return Rate(_period(inside), anchor)
    if kind == "cron":
        return parse_cron(inside, zone)
    return Once(_moment(inside, zone))


def time_zone(name: str) -> tzinfo:
    """The IANA time zone of a name (`Asia/Tokyo`); ValueError where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no time zone is called {name!r}") from error


def _period(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+) +(minute|hour|day)(s?)", text)
    if not match or int(match[1]) < 1 or (int(match[1]) == 1) == bool(match[3]):
        raise ValueError(f"not a rate: {text!r} (write 1 minute, 5 minutes, 1 hour, 2 days)")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise ValueError(f"too long a rate: {text!r}") from error


def _moment(text: str, zone: tzinfo) -> datetime:
    try:
        local = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")
    except ValueError as error:
        raise ValueError(f"at() takes yyyy-mm-ddThh:mm:ss, not {text!r}") from error
    return local.replace(tzinfo=zone).astimezone(UTC)
