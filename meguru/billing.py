"""What is charged and when it ends: prices, the account's budget, days and months."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from meguru.consumer import Consumer
from meguru.prices import MILLIONTHS, NO_PRICE, Price

TOKENS, AMOUNT = "tokens", "amount"


@dataclass(frozen=True)
class Limit:
    """At most `most` of a book's `attribute`, until it begins anew at `renewed`."""

    attribute: str
    unit: str
    name: str
    most: int
    renewed: datetime
    is_of_account: bool = False


@dataclass(frozen=True)
class Period:
    """The day and the month of a moment: `2026-11` and `27`."""

    moment: datetime

    @property
    def month(self) -> str:
        return f"{self.moment:%Y-%m}"

    @property
    def day(self) -> str:
        return f"{self.moment:%d}"

    def limits(
        self, values: Mapping[str, int | None], unit: str, *, is_of_account: bool = False
    ) -> list[Limit]:
        """Those of a day and of a month that are set, by their names in the environment file."""
        midnight = self.moment.replace(hour=0, minute=0, second=0, microsecond=0)
        next_month = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
        ends = {
            # By the clock on the wall, whether or not it is changed in between.
            "day": (day_total(unit, self.day), midnight + timedelta(days=1)),
            "month": (unit, next_month),
        }
        return [
            Limit(attribute, unit, name, most, renewed, is_of_account)
            for name, most in values.items()
            if most is not None
            for attribute, renewed in [ends[name.rpartition("per_")[2]]]
        ]


def day_total(unit: str, day: str) -> str:
    """The attribute of a month's book that has the total of one of its days."""
    return f"{unit}_{day}"


@dataclass(frozen=True)
class Budget:
    """What all consumers together may use. Money is in millionths of the currency.

    Where it doesn't stop, everything is counted, and an alarm tells.
    """

    per_day: int | None = None
    per_month: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    stops: bool = True

    @property
    def is_set(self) -> bool:
        limits = (self.per_day, self.per_month, self.tokens_per_day, self.tokens_per_month)
        return any(limit is not None for limit in limits)


@dataclass(frozen=True)
class Billing:
    """What the template says of money and time; `prices` are by a model's name in the API."""

    time_zone: str = "Asia/Tokyo"
    currency: str = "JPY"
    prices: Mapping[str, Price] = field(default_factory=dict)
    budget: Budget = Budget()

    @classmethod
    def from_json(cls, text: str) -> Billing:
        """As `as_json` writes it, and a function is told it."""
        values: dict[str, Any] = json.loads(text)
        return cls(
            time_zone=values["time_zone"],
            currency=values["currency"],
            prices={
                model: Price(*map(Decimal, price)) for model, price in values["prices"].items()
            },
            budget=Budget(**values["budget"]),
        )

    def as_json(self) -> str:
        values = {
            "time_zone": self.time_zone,
            "currency": self.currency,
            "prices": {
                model: [str(value) for value in vars(price).values()]
                for model, price in self.prices.items()
            },
            "budget": {name: one for name, one in vars(self.budget).items() if one is not None},
        }
        return json.dumps(values)

    @property
    def keeps_account(self) -> bool:
        """Whether there is a book of the whole account: also where a budget may be set later."""
        return bool(self.prices) or self.budget.is_set

    def price(self, model: str) -> Price:
        return self.prices.get(model, NO_PRICE)

    def period(self, now: datetime) -> Period:
        return Period(now.astimezone(ZoneInfo(self.time_zone)))

    def account_limits(self, period: Period) -> list[Limit]:
        """The limits that end generation for everybody."""
        return self.budget_limits(period) if self.budget.stops else []

    def budget_limits(self, period: Period) -> list[Limit]:
        """All limits of the account, whether or not they end anything."""
        budget = self.budget
        tokens = {
            "tokens_per_day": budget.tokens_per_day,
            "tokens_per_month": budget.tokens_per_month,
        }
        money = {"per_day": budget.per_day, "per_month": budget.per_month}
        return [
            *period.limits(tokens, TOKENS, is_of_account=True),
            *period.limits(money, AMOUNT, is_of_account=True),
        ]


def consumer_limits(consumer: Consumer, period: Period) -> list[Limit]:
    tokens = {
        "tokens_per_day": consumer.tokens_per_day,
        "tokens_per_month": consumer.tokens_per_month,
    }
    return period.limits(tokens, TOKENS)


def in_currency(millionths: int) -> float:
    return millionths / MILLIONTHS
