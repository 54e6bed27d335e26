"""rate(), cron() and at()."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from localcloud.events.expressions import parse_expression, time_zone

ANCHOR = datetime(2026, 11, 22, 9, 0, 30, tzinfo=UTC)


def test_a_rate_counts_from_its_anchor() -> None:
    rate = parse_expression("rate(5 minutes)", ANCHOR)
    assert rate.next_after(ANCHOR - timedelta(days=1)) == ANCHOR
    assert rate.next_after(ANCHOR) == ANCHOR + timedelta(minutes=5)
    assert rate.next_after(ANCHOR + timedelta(minutes=12)) == ANCHOR + timedelta(minutes=15)


def test_at_is_once_in_its_zone() -> None:
    once = parse_expression("at(2026-11-23T09:00:00)", ANCHOR, time_zone("Asia/Tokyo"))
    moment = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    assert once.next_after(ANCHOR) == moment
    assert once.next_after(moment) is None


def test_cron_is_read_in_its_zone() -> None:
    cron = parse_expression("cron(0 9 * * ? *)", ANCHOR, time_zone("Asia/Tokyo"))
    assert cron.next_after(ANCHOR) == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(5 seconds)",
        "rate(99999999999999 days)",
        "at(2026-13-01T00:00:00)",
        "at(tomorrow)",
        "every(5 minutes)",
        "rate(5 minutes",
        "",
    ],
)
def test_what_is_not_an_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        parse_expression(expression, ANCHOR)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", ""])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        time_zone(name)
