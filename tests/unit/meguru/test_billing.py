"""Days and months by the wall clock of the environment; settings as a function's variable."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meguru.billing import AMOUNT, TOKENS, Billing, Budget
from meguru.prices import Price


@pytest.mark.parametrize(
    ("zone", "now", "period", "ends"),
    [
        ("Asia/Tokyo", "2026-11-30T14:59:59", "2026-11 30", ("2026-12-01", "2026-12-01")),
        ("Asia/Tokyo", "2026-11-30T15:00:00", "2026-12 01", ("2026-12-02", "2027-01-01")),
        ("Europe/Berlin", "2026-10-24T22:30:00", "2026-10 25", ("2026-10-26", "2026-11-01")),
        ("UTC", "2028-02-29T23:59:59", "2028-02 29", ("2028-03-01", "2028-03-01")),
    ],
)
def test_day_and_month(zone: str, now: str, period: str, ends: tuple[str, str]) -> None:
    found = Billing(time_zone=zone).period(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert f"{found.month} {found.day}" == period
    day, month = found.limits({"tokens_per_day": 1, "tokens_per_month": 2}, TOKENS)
    assert (day.attribute, month.attribute) == (f"tokens_{found.day}", "tokens")
    for limit, end in zip((day, month), ends, strict=True):
        assert limit.renewed.strftime("%Y-%m-%d %H:%M") == f"{end} 00:00"


def test_variable_says_what_was_set() -> None:
    billing = Billing(
        time_zone="UTC",
        currency="USD",
        prices={"chat": Price.read({"prompt": 0.15, "cached": 0})},
        budget=Budget(per_month=5_000_000, tokens_per_day=7, stops=False),
    )
    assert Billing.from_json(billing.as_json()) == billing


def test_account_is_counted_where_money_or_tokens_are() -> None:
    assert not Billing().keeps_account
    assert Billing(prices={"chat": Price()}).keeps_account
    assert Billing(budget=Budget(tokens_per_day=1)).keeps_account


def test_alarm_limits_nothing() -> None:
    period = Billing().period(datetime(2026, 11, 27, tzinfo=UTC))
    stopping = Billing(budget=Budget(per_day=5, tokens_per_month=7)).account_limits(period)
    assert [(one.unit, one.most) for one in stopping] == [(TOKENS, 7), (AMOUNT, 5)]
    assert Billing(budget=Budget(per_day=5, stops=False)).account_limits(period) == []
