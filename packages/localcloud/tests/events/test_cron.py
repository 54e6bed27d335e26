"""AWS's cron fields against the examples of the EventBridge and Scheduler guides."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from localcloud.events.cron import parse_cron

START = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)  # a Sunday


def moments(fields: str, count: int, zone: str = "UTC", start: datetime = START) -> list[str]:
    cron = parse_cron(fields, ZoneInfo(zone))
    found: list[str] = []
    when: datetime | None = start
    while when and len(found) < count:
        when = cron.next_after(when)
        if when:
            found.append(when.strftime("%Y-%m-%dT%H:%M"))
    return found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("0 10 * * ? *", ["2026-11-23T10:00", "2026-11-24T10:00"]),
        ("15 12 * * ? *", ["2026-11-23T12:15", "2026-11-24T12:15"]),
        ("0 18 ? * MON-FRI *", ["2026-11-23T18:00", "2026-11-24T18:00"]),
        ("0 8 1 * ? *", ["2026-12-01T08:00", "2027-01-01T08:00"]),
        ("0/15 * * * ? *", ["2026-11-22T12:45", "2026-11-22T13:00"]),
        ("0/10 * ? * MON-FRI *", ["2026-11-23T00:00", "2026-11-23T00:10"]),
        ("0/5 8-17 ? * MON-FRI *", ["2026-11-23T08:00", "2026-11-23T08:05"]),
        ("0 9 ? * 2#1 *", ["2026-12-07T09:00", "2027-01-04T09:00"]),
        ("0 9 ? * TUE#5 *", ["2026-12-29T09:00", "2027-03-30T09:00"]),
        ("15 10 ? * 6L 2019-2027", ["2026-11-27T10:15", "2026-12-25T10:15"]),
        ("0 0 L * ? *", ["2026-11-30T00:00", "2026-12-31T00:00"]),
        ("0 0 L FEB ? *", ["2027-02-28T00:00", "2028-02-29T00:00"]),
        ("0 0 15W * ? *", ["2026-12-15T00:00", "2027-01-15T00:00"]),
        ("0 0 1W AUG ? *", ["2027-08-02T00:00", "2028-08-01T00:00"]),
        ("0 0 31W JAN ? *", ["2027-01-29T00:00", "2028-01-31T00:00"]),
        ("0 0 ? * L *", ["2026-11-28T00:00", "2026-12-05T00:00"]),
        ("0 0 29 2 ? *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("30 12 22 11 ? 2026", []),
        ("0 0 30 2 ? *", []),
        ("0 0 1 1 ? 2027,2030", ["2027-01-01T00:00", "2030-01-01T00:00"]),
        ("0 20/2 ? * sun *", ["2026-11-22T20:00", "2026-11-22T22:00"]),
    ],
)
def test_the_next_moments(fields: str, expected: list[str]) -> None:
    assert moments(fields, 2) == expected


def test_a_schedule_in_tokyo_is_nine_hours_ahead() -> None:
    assert moments("0 9 ? * MON-FRI *", 2, "Asia/Tokyo") == ["2026-11-23T00:00", "2026-11-24T00:00"]


def test_an_hour_that_daylight_saving_skips_is_skipped() -> None:
    start = datetime(2026, 3, 7, 12, tzinfo=UTC)
    assert moments("30 2 * * ? *", 1, "America/New_York", start) == ["2026-03-09T06:30"]


def test_an_hour_that_daylight_saving_repeats_counts_once() -> None:
    start = datetime(2026, 11, 1, 4, tzinfo=UTC)
    expected = ["2026-11-01T05:30", "2026-11-02T06:30"]
    assert moments("30 1 * * ? *", 2, "America/New_York", start) == expected


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ("0 10 * * ?", "6 fields"),
        ("0 10 * * * *", "exactly one"),
        ("0 10 ? * ? *", "exactly one"),
        ("60 10 * * ? *", "minutes"),
        ("0 24 * * ? *", "hours"),
        ("0 0 0 * ? *", "day-of-month"),
        ("0 0 * 13 ? *", "month"),
        ("0 0 ? * 8 *", "day-of-week"),
        ("0 0 ? * MON#6 *", "day-of-week"),
        ("0 0 * * ? 1969", "year"),
        ("5-1 0 * * ? *", "minutes"),
        ("*/0 0 * * ? *", "minutes"),
        ("x 0 * * ? *", "minutes"),
        ("²/1 0 * * ? *", "minutes"),
    ],
)
def test_a_wrong_field_is_named(fields: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse_cron(fields)
