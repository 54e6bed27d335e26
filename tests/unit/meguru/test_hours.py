"""How many instances are wanted, by a clock in Tokyo."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.hours import LEAD, Hours, Span

TOKYO = ZoneInfo("Asia/Tokyo")
WEEK = (0, 1, 2, 3, 4)
# 11-03 (a Tuesday) and 11-23 (a Monday) are holidays of 2026; 12-29 is the company's own.
CLOSED = ("20261103", "20261123", "1229")


def hours(*spans: Span, min_instances: int = 1) -> Hours:
    return Hours("Asia/Tokyo", WEEK, spans, min_instances, CLOSED)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO).astimezone(ZoneInfo("UTC"))


DAY = Span("08:00", "20:00", 2)


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("2026-11-27 07:49", 1),
        ("2026-11-27 07:50", 2),  # what is needed at eight is wanted before
        ("2026-11-27 19:59", 2),
        ("2026-11-27 20:00", 1),
        ("2026-11-28 12:00", 1),  # Saturday
        ("2026-11-23 12:00", 1),  # a holiday
        ("2026-12-29 12:00", 1),  # closed every year
        ("2027-12-29 12:00", 1),
        ("2026-11-24 12:00", 2),
    ],
)
def test_day_and_night(moment: str, number: int) -> None:
    assert hours(DAY).wanted(at(moment)) == number


def test_a_peak_is_on_top_of_the_day() -> None:
    found = hours(DAY, Span("08:30", "10:00", 4))
    assert [found.wanted(at(f"2026-11-27 {one}")) for one in ("08:19", "08:20", "10:00")] == [
        2,
        4,
        2,
    ]


@pytest.mark.parametrize(
    ("day", "is_due"),
    [
        ("2026-11-25", True),  # a Wednesday
        ("2026-11-26", False),
        ("2026-10-23", True),  # the 25th is a Sunday: the Friday before
        ("2026-10-25", False),
        ("2026-11-30", True),  # the last day
        ("2026-10-30", True),  # the last business day: the 31st is a Saturday
        ("2027-02-26", True),  # the 28th is a Sunday
    ],
)
def test_deadlines_come_on_the_business_day_before(day: str, is_due: bool) -> None:
    found = hours(Span("00:00", "24:00", 6, month_days=(25, 31)))
    assert found.wanted(at(f"{day} 12:00")) == (6 if is_due else 1)


def test_a_day_that_a_month_lacks_is_its_last() -> None:
    found = hours(Span("00:00", "24:00", 6, month_days=(30,)))
    assert found.wanted(at("2027-02-26 12:00")) == 6
    assert found.wanted(at("2026-10-30 12:00")) == 6 and found.wanted(at("2026-10-29 12:00")) == 1


def test_none_at_night() -> None:
    found = hours(Span("08:00", "20:00", 1), min_instances=0)
    assert (found.wanted(at("2026-11-27 03:00")), found.wanted(at("2026-11-27 12:00"))) == (0, 1)


def test_the_average_of_a_year() -> None:
    open_days = 261 - 3  # of 2026's 261 weekdays
    share = open_days * 12 / (365 * 24)
    assert hours(DAY).mean(2026) == pytest.approx(1 + share, abs=0.01)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 31)))
def test_what_is_needed_is_there_when_the_lead_is_over(moment: datetime) -> None:
    found = hours(DAY, Span("08:30", "10:00", 4, month_days=(25, 31)))
    now = moment.replace(tzinfo=TOKYO)
    is_open = found.is_business_day(now.date()) and 8 <= now.hour < 20
    assert found.wanted(now - LEAD) >= (2 if is_open else 1)
    assert 1 <= found.wanted(now) <= 4


def test_json_says_the_same() -> None:
    found = hours(DAY, Span("00:00", "24:00", 6, month_days=(25, 31)))
    assert Hours.from_json(found.as_json()) == found
