"""The book of a whole account, to which all consumers are held together.

It is written after the consumer's when something is reserved, and before it when that is settled:
what a dead worker left open here stands open there too, with all it takes to settle both. Of one
that died between the two, nothing is here, as if it was settled: where its model server doesn't say
that it never began, its consumer is charged the bound, and the account rightly nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meguru.billing import AMOUNT, TOKENS, Limit, day_total
from meguru.conditional_update import ConditionalUpdate, ConditionFailed
from meguru.ledger_book import KEY, MONTH, OPEN, Opened, Used, account_book
from meguru.quota import QuotaExceeded


class AccountBook:
    """The account's totals of tokens and of money, by month and day."""

    def __init__(self, client: Any, table_name: str) -> None:
        self._client, self._table_name = client, table_name

    def reserve(self, month: str, opened: Opened, limits: Sequence[Limit]) -> None:
        """Count a reservation's bounds; QuotaExceeded for the limit that is in its way."""
        update = self._update(month, opened.day, opened.tokens, opened.amount)
        update.add(OPEN, frozenset({opened.mark}))
        update.if_not_in(OPEN, opened.mark)
        self._send(update, opened, limits)

    def charge(self, month: str, opened: Opened, limits: Sequence[Limit]) -> None:
        """Count the money of an answer from the cache; QuotaExceeded as `reserve`."""
        self._send(self._update(month, opened.day, 0, opened.amount), opened, limits)

    def settle(self, month: str, opened: Opened, used: Used) -> None:
        """Count what was used in place of the bounds; nothing where that was done before."""
        tokens, amount = used.tokens - opened.tokens, used.amount - opened.amount
        update = self._update(month, opened.day, tokens, amount)
        update.if_in(OPEN, opened.mark)
        update.take_out(OPEN, frozenset({opened.mark}))
        try:
            update.send(self._client)
        except ConditionFailed:
            return

    def _update(self, month: str, day: str, tokens: int, amount: int) -> ConditionalUpdate:
        update = ConditionalUpdate(self._table_name, {KEY: {"S": account_book(month)}})
        update.set(MONTH, month)
        for unit, value in ((TOKENS, tokens), (AMOUNT, amount)):
            update.add(unit, value)
            update.add(day_total(unit, day), value)
        return update

    def _send(self, update: ConditionalUpdate, opened: Opened, limits: Sequence[Limit]) -> None:
        needed = {TOKENS: opened.tokens, AMOUNT: opened.amount}
        for limit in limits:
            if needed[limit.unit] > limit.most:
                raise QuotaExceeded(limit, limit.most, needed[limit.unit])
            update.if_at_most(limit.attribute, limit.most - needed[limit.unit])
        try:
            update.send(self._client)
        except ConditionFailed as failed:
            for limit in limits:
                used = int(failed.item.get(limit.attribute, {"N": "0"})["N"])
                if used + needed[limit.unit] > limit.most:
                    raise QuotaExceeded(limit, limit.most - used, needed[limit.unit]) from failed
            # It stands there already: a client has asked again where the answer was lost.
            assert opened.mark in failed.item[OPEN]["BS"]
