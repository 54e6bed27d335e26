"""What using the API came to: where an answer's time went, the cache, and the ledger."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from cli.account import Account
from cli.chat import Reply
from cli.loop import LoopFailed
from cli.usage import COLUMNS, Statement, in_currency
from meguru.ledger_book import Used

# Of a record, in the order in which they pass.
PARTS = {
    "policy_ms": "policy",
    "queue_ms": "queue",
    "first_token_ms": "first token",
    "rest_ms": "rest",
}
# An answer's reservation is settled when its caller has it already.
SETTLED_SECONDS = 10


@dataclass(frozen=True)
class TimedAnswer:
    """An answer with the milliseconds it took, all and by part, as its record has them."""

    is_cached: bool
    latency_ms: int
    parts: dict[str, int]

    @classmethod
    def of(cls, reply: Reply, records: list[dict[str, Any]]) -> TimedAnswer:
        record = next(one for one in records if one["inference_id"] == reply.inference_id)
        parts = {said: record[name] for name, said in PARTS.items()}
        return cls(record["cached"], record["latency_ms"], parts)

    def in_words(self) -> str:
        if self.is_cached:
            return f"the same again: {self.latency_ms} ms, from the cache"
        parts = ", ".join(f"{ms} {name}" for name, ms in self.parts.items())
        return f"{self.latency_ms} ms: {parts}"


@dataclass(frozen=True)
class ConsumerUse:
    """What a consumer used in a run, as the ledger has it.

    `currency` is "" where nothing has a price; `num_reserved` are requests whose usage isn't known.
    """

    consumer: str
    used: Used
    currency: str
    num_reserved: int

    def in_words(self) -> str:
        used = self.used
        money = f"{in_currency(used.amount):,.2f} {self.currency}" if self.currency else "no prices"
        return (
            f"{self.consumer}: {used.requests} requests, {used.prompt_tokens} prompt and "
            f"{used.completion_tokens} completion tokens; {used.cached_requests} more from the "
            f"cache; {self.num_reserved} still reserved; {money}"
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "consumer": self.consumer,
            **{name: getattr(self.used, name) for name in COLUMNS},
            "amount": str(in_currency(self.used.amount)) if self.currency else None,
            "currency": self.currency,
            "reserved": self.num_reserved,
        }


def read_ledger(account: Account, has_prices: bool) -> list[ConsumerUse]:
    """What each consumer used this month. LoopFailed where something stays reserved."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while (statement := Statement(account)).num_open and time.monotonic() < deadline:
        time.sleep(0.1)
    if statement.num_open:
        raise LoopFailed(f"{statement.num_open} reservations are open after all was answered")
    totals: dict[str, Used] = {}
    for line in statement.lines():
        totals[line.consumer] = totals.get(line.consumer, Used()) + line.used
    currency = statement.currency if has_prices else ""
    return [ConsumerUse(name, used, currency, statement.num_open) for name, used in totals.items()]
