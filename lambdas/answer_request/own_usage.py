"""What a consumer has used in a month, from its own book: GET /v1/usage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from meguru.billing import AMOUNT, Billing, consumer_limits, in_currency
from meguru.consumer import Consumer
from meguru.json_request import refusal, wrong
from meguru.ledger import Ledger
from meguru.ledger_book import Used, consumer_book

MEMBERS = ("month", "model")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True)
class OwnUsage:
    """The books of a ledger, each for its own consumer alone."""

    ledger: Ledger
    billing: Billing

    def report(
        self, consumer: Consumer, asked: Mapping[str, str], now: datetime | None = None
    ) -> dict[str, Any]:
        """Each day and model of a month with what was used; without a `month`, of this one.

        ApiError (400) names what is wrong in what was asked.
        """
        for name in asked:
            if name not in MEMBERS:
                message = f"Unknown parameter '{{}}'. Usage has: {', '.join(MEMBERS)}."
                raise refusal(message, name, "unknown_parameter")
        period = self.billing.period(now or datetime.now(UTC))
        month = asked.get("month", period.month)
        if not _MONTH.fullmatch(month):
            raise wrong("month", "a year and a month, as 2026-11", "invalid_value")
        book = self.ledger.read(consumer_book(consumer.name, month))
        model = asked.get("model")
        days = [one for one in book.used() if model in (None, one[1])]
        limits = consumer_limits(consumer, period) if month == period.month else []
        return {
            "object": "usage",
            "consumer": consumer.name,
            "month": month,
            "time_zone": self.billing.time_zone,
            "currency": self.billing.currency,
            "data": [{"day": day, "model": name, **self._told(used)} for day, name, used in days],
            "total": self._told(sum((used for _, _, used in days), Used())),
            # What is being answered just now counts with the most that it can use.
            "limits": [
                {
                    "name": limit.name,
                    "limit": limit.most,
                    "remaining": max(0, limit.most - book.number(limit.attribute)),
                    "renewed": limit.renewed.isoformat(),
                }
                for limit in limits
            ],
        }

    def _told(self, used: Used) -> dict[str, Any]:
        counts = {name: value for name, value in vars(used).items() if name != AMOUNT}
        return {**counts, AMOUNT: in_currency(used.amount)}
