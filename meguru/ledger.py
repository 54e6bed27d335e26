"""The ledger: an upper bound is reserved before a model works, and settled to what it used.

What is reserved counts as used until then, so that no limit can be overspent. Each reservation
stands open in its consumer's book, in the write that counts it: whatever is done twice, by a
client's retry or by two who settle it, is done once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from meguru.api_errors import ApiError, Overloaded
from meguru.billing import Billing
from meguru.conditional_update import ConditionFailed
from meguru.consumer import Consumer
from meguru.ledger_account import AccountBook
from meguru.ledger_book import (
    KEY,
    LIFETIME_SECONDS,
    MINUTE,
    Book,
    Opened,
    Used,
)
from meguru.ledger_entry import Entry, has_rates
from meguru.ledger_settlement import Reservation, settlement
from meguru.quota import QuotaExceeded, Rates

__all__ = ["LIFETIME_SECONDS", "Ledger", "Reservation", "read_book"]

# A minute may begin between two writes.
MAX_WRITES = 10
# What is known of a book's reservation: prompt and completion tokens, or None.
Heard = Callable[[str, Opened], tuple[int, int] | None]


class Ledger:
    """The books of an environment. `clock` gives seconds since 1970."""

    def __init__(
        self,
        client: Any,
        table_name: str,
        billing: Billing,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._table_name = client, table_name
        self._billing, self._clock = billing, clock
        self._account = AccountBook(client, table_name) if billing.keeps_account else None
        # The minute that each book was last seen in: a guess that spares a write.
        self._minutes: dict[str, int] = {}

    def reserve(
        self,
        reservation_id: str,
        caller: Consumer,
        tokens: int,
        model: str,
        now: datetime | None = None,
        booked_as: str = "",
    ) -> Reservation:
        """Reserve up to `tokens` of `model` under an id that no other request has.

        Its book has what it used under `booked_as`, where the consumer must not see the model's
        name. Raises RateLimited or QuotaExceeded where a limit could be overspent; nothing is
        reserved then.
        """
        entry = self._entry(caller, model, now)
        opened = replace(
            entry.opened,
            id=reservation_id,
            expires_at=int(entry.now.timestamp()) + LIFETIME_SECONDS,
            tokens=tokens,
            amount=self._billing.price(model).most(tokens),
            booked_as=booked_as,
        )
        reservation = self._enter(replace(entry, opened=opened))
        if self._account:
            limits = self._billing.account_limits(entry.period)
            try:
                self._account.reserve(reservation.month, reservation.opened, limits)
            except QuotaExceeded:
                self._settle(reservation, Used())
                raise
        return reservation

    def settle(self, reservation: Reservation, prompt_tokens: int, completion_tokens: int) -> bool:
        """Charge the exact usage in place of the bound; False where it was settled before."""
        price = self._billing.price(reservation.opened.model)
        amount = price.of(prompt_tokens, completion_tokens)
        used = Used(1, prompt_tokens, completion_tokens, amount=amount)
        return self._settle(reservation, used)

    def settle_expired(self, book: Book, heard: Heard) -> int:
        """Settle what dead workers left open, and tell how many these were.

        To what was heard of it; where that is None, the whole bound is charged: it is never less.
        """
        now = self._clock()
        expired = [one for one in book.open if one.expires_at <= now]
        for opened in expired:
            reservation = Reservation(book.key, opened)
            tokens = heard(book.key, opened)
            if tokens is None:
                used = Used(1, unconfirmed_tokens=opened.tokens, amount=opened.amount)
                self._settle(reservation, used)
            else:
                self.settle(reservation, *tokens)
        return len(expired)

    def settle_reported(self, book: str, reports: Mapping[str, tuple[int, int]]) -> int:
        """Settle what is still open to what model servers say, and tell how many these were.

        `reports` are prompt and completion tokens by the reservation's id.
        """
        reported = [one for one in self.read(book).open if one.id in reports]
        settled = (self.settle(Reservation(book, one), *reports[one.id]) for one in reported)
        return sum(settled)

    def charge_cached(
        self, caller: Consumer, tokens: int, model: str, now: datetime | None = None
    ) -> Rates | None:
        """Charge an answer from the cache: a request, and its tokens by their own price.

        They count against no limit of tokens, only against the account's budget of money. Raises
        as `reserve` does; where a client's retry comes too late, it is charged twice.
        """
        entry = self._entry(caller, model, now)
        amount = self._billing.price(model).of_cached(tokens)
        opened = replace(entry.opened, amount=amount)
        used = Used(cached_requests=1, cached_tokens=tokens, amount=amount)
        if not (self._account and amount):
            return self._enter(replace(entry, used=used)).rates
        month, limits = entry.period.month, self._billing.account_limits(entry.period)
        self._account.charge(month, opened, limits)
        try:
            return self._enter(replace(entry, used=used)).rates
        except ApiError:
            self._account.charge(month, replace(opened, amount=-amount), [])
            raise

    def _entry(self, caller: Consumer, model: str, now: datetime | None) -> Entry:
        """A request that reserves nothing yet."""
        seconds = now.timestamp() if now else self._clock()
        moment = datetime.fromtimestamp(seconds, UTC)
        period = self._billing.period(moment)
        minute = int(seconds // 60) if has_rates(caller) else 0
        opened = Opened("", 0, 0, 0, period.day, minute, model)
        return Entry(caller, period, moment, opened)

    def read(self, key: str) -> Book:
        """A book as it stands now; an empty one where nothing was used."""
        return read_book(self._client, self._table_name, key)

    def _enter(self, entry: Entry) -> Reservation:
        """Write a request into its book, or raise for the limit that is in its way."""
        if entry.is_too_large():
            entry.refuse(self.read(entry.key))
        is_first = self._minutes.get(entry.key) != entry.opened.minute
        for _ in range(MAX_WRITES):
            try:
                book = Book.read(
                    entry.key, entry.update(self._table_name, is_first).send(self._client)
                )
            except ConditionFailed as failed:
                book = Book.read(entry.key, failed.item)
                if not entry.is_in(book):
                    entry, is_first = self._after(entry, is_first, book)
                    continue
            self._minutes[entry.key] = entry.opened.minute
            return Reservation(entry.key, entry.opened, entry.rates(book))
        raise Overloaded("Too many requests change the same budget. Try again shortly.", status=429)

    def _after(self, entry: Entry, is_first: bool, book: Book) -> tuple[Entry, bool]:
        """What to write instead, where a book stands otherwise than was thought."""
        if entry.has_rates:
            minute = book.number(MINUTE)
            if minute > entry.opened.minute:
                return entry.in_minute(minute), False
            if is_first != (minute < entry.opened.minute):
                return entry, not is_first
        entry.refuse(book)
        return entry, is_first

    def _settle(self, reservation: Reservation, used: Used) -> bool:
        """The account's book first: while the consumer's has it open, it is not forgotten."""
        opened = reservation.opened
        if self._account:
            self._account.settle(reservation.month, opened, used)
        is_same_minute = opened.minute == int(self._clock() // 60)
        for gives_back in (True, False) if is_same_minute else (False,):
            try:
                settlement(self._table_name, reservation, used, gives_back).send(self._client)
                return True
            except ConditionFailed as failed:
                if opened not in Book.read(reservation.book, failed.item).open:
                    return False
        return False


def read_book(client: Any, table_name: str, key: str) -> Book:
    """A book as it stands now; an empty one where nothing was used."""
    found = client.get_item(TableName=table_name, Key={KEY: {"S": key}}, ConsistentRead=True)
    return Book.read(key, found.get("Item", {}))
