"""What tokens cost, and what all consumers together may spend."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, model_validator

from meguru import billing
from meguru.prices import MILLIONTHS
from meguru.prices import Price as TokenPrice
from stacks.environment.refusals import only, refusals
from stacks.environment.section import Settings
from stacks.environment.values import Count, matches

# The ledger counts in millionths of the currency, in 38 digits: this leaves room for sums.
Money = Annotated[float, Field(gt=0, le=10**12)]
TokenCost = Annotated[float, Field(ge=0, le=10**9)]
TimeZone = Annotated[
    str,
    only(
        lambda name: name in available_timezones(),
        "a time zone by its name in the IANA database, such as Asia/Tokyo",
    ),
]
Currency = Annotated[
    str, only(matches(r"[A-Z]{3}"), "a currency by its three letters, such as JPY")
]


class Price(Settings):
    """Of a million tokens, in the budget's currency."""

    prompt: TokenCost = 0
    completion: TokenCost = 0
    cached: TokenCost = 0

    def of_tokens(self) -> TokenPrice:
        return TokenPrice.read(self.model_dump())


class Budget(Settings):
    """What all consumers together may use; what has no number has no limit.

    `aws_usd_per_month` is for what AWS itself bills, in dollars: AWS Budgets acts on it. `per_usd`
    is how many of the currency a dollar is, for estimates.
    """

    per_day: Money | None = None
    per_month: Money | None = None
    tokens_per_day: Count | None = None
    tokens_per_month: Count | None = None
    currency: Currency = "JPY"
    at_limit: Literal["stop", "alarm"] = "stop"
    alarm_percent: Annotated[int, Field(ge=1, le=100)] = 80
    aws_usd_per_month: Money | None = None
    per_usd: Money | None = None

    @model_validator(mode="after")
    def check_month(self) -> Self:
        """A month that is spent before its first day is over holds nothing that the day does."""
        found = {}
        for day, month in (("per_day", "per_month"), ("tokens_per_day", "tokens_per_month")):
            of_day, of_month = getattr(self, day), getattr(self, month)
            if of_day is not None and of_month is not None and of_day > of_month:
                found[day] = f"at most {month}, which is {of_month:g}"
        if found:
            raise refusals(found, self.model_dump())
        return self

    def of_account(self) -> billing.Budget:
        return billing.Budget(
            per_day=_millionths(self.per_day),
            per_month=_millionths(self.per_month),
            tokens_per_day=self.tokens_per_day,
            tokens_per_month=self.tokens_per_month,
            stops=self.at_limit == "stop",
        )

    @property
    def needs_prices(self) -> bool:
        return self.per_day is not None or self.per_month is not None


def _millionths(money: float | None) -> int | None:
    # As it is written: 0.1 is a tenth.
    return None if money is None else int(Decimal(str(money)) * MILLIONTHS)
