"""The write by which a request enters its consumer's book, and the reasons why it may not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from meguru.billing import TOKENS, Limit, Period, consumer_limits, day_total
from meguru.conditional_update import ConditionalUpdate
from meguru.consumer import Consumer
from meguru.ledger_book import (
    CONSUMER,
    KEY,
    MINUTE,
    MINUTE_REQUESTS,
    MINUTE_TOKENS,
    MONTH,
    OPEN,
    Book,
    Opened,
    Used,
    consumer_book,
)
from meguru.quota import QuotaExceeded, RateLimited, Rates


@dataclass(frozen=True)
class Entry:
    """A request of `caller` at `now`.

    It opens a reservation, or, from the cache, it is `used` at once.
    """

    caller: Consumer
    period: Period
    now: datetime
    opened: Opened
    used: Used | None = None

    @property
    def key(self) -> str:
        return consumer_book(self.caller.name, self.period.month)

    @property
    def has_rates(self) -> bool:
        return has_rates(self.caller)

    def in_minute(self, minute: int) -> Entry:
        """The same in a later minute, which another's clock has reached already."""
        return replace(self, opened=replace(self.opened, minute=minute))

    def update(self, table_name: str, is_first: bool) -> ConditionalUpdate:
        """The write; `is_first` where nothing was asked yet in this minute."""
        update = ConditionalUpdate(table_name, {KEY: {"S": self.key}})
        update.set(MONTH, self.period.month)
        update.set(CONSUMER, self.caller.name)
        for limit in self._limits():
            update.if_at_most(limit.attribute, limit.most - self.opened.tokens)
        if self.has_rates:
            self._count_in_minute(update, is_first)
        if self.used:
            for name, value in self.used.attributes(self.period.day, self.opened.model).items():
                update.add(name, value)
            return update
        update.add(TOKENS, self.opened.tokens)
        update.add(day_total(TOKENS, self.period.day), self.opened.tokens)
        update.add(OPEN, frozenset({self.opened.text()}))
        update.if_not_in(OPEN, self.opened.text())
        return update

    def _count_in_minute(self, update: ConditionalUpdate, is_first: bool) -> None:
        tokens, caller = self.opened.tokens, self.caller
        if is_first:
            update.if_less(MINUTE, self.opened.minute)
            update.set(MINUTE, self.opened.minute)
            update.set(MINUTE_REQUESTS, 1)
            update.set(MINUTE_TOKENS, tokens)
            return
        update.if_equal(MINUTE, self.opened.minute)
        update.add(MINUTE_REQUESTS, 1)
        update.add(MINUTE_TOKENS, tokens)
        if caller.requests_per_minute is not None:
            update.if_at_most(MINUTE_REQUESTS, caller.requests_per_minute - 1)
        if caller.tokens_per_minute is not None:
            update.if_at_most(MINUTE_TOKENS, caller.tokens_per_minute - tokens)

    def is_in(self, book: Book) -> bool:
        """Whether it was written already: a client asks again where the answer was lost."""
        return self.opened in book.open

    def is_too_large(self) -> bool:
        """Whether no minute, day or month could take it."""
        most = [limit.most for limit in self._limits()]
        if self.caller.tokens_per_minute is not None:
            most.append(self.caller.tokens_per_minute)
        return any(self.opened.tokens > one for one in most)

    def rates(self, book: Book) -> Rates | None:
        """What the minute has left as the book stands; None for a consumer without such limits."""
        if not self.has_rates:
            return None
        is_now = book.number(MINUTE) == self.opened.minute
        num_requests = book.number(MINUTE_REQUESTS) if is_now else 0
        num_tokens = book.number(MINUTE_TOKENS) if is_now else 0
        requests, tokens = self.caller.requests_per_minute, self.caller.tokens_per_minute
        return Rates(
            seconds=max(1, (self.opened.minute + 1) * 60 - int(self.now.timestamp())),
            requests=requests,
            requests_left=(requests or 0) - num_requests,
            tokens=tokens,
            tokens_left=(tokens or 0) - num_tokens,
        )

    def refuse(self, book: Book) -> None:
        """Raise for the limit of the book that this request doesn't keep, if there is one."""
        rates = self.rates(book)
        if rates and rates.requests is not None and rates.requests_left < 1:
            raise RateLimited("requests", 1, rates)
        if rates and rates.tokens is not None and rates.tokens_left < self.opened.tokens:
            raise RateLimited("tokens", self.opened.tokens, rates)
        for limit in self._limits():
            left = limit.most - book.number(limit.attribute)
            if left < self.opened.tokens:
                raise QuotaExceeded(limit, left, self.opened.tokens)

    def _limits(self) -> list[Limit]:
        """An answer from the cache counts against no limit of tokens."""
        return [] if self.used else consumer_limits(self.caller, self.period)


def has_rates(consumer: Consumer) -> bool:
    """Whether its requests are counted by the minute."""
    return (consumer.requests_per_minute, consumer.tokens_per_minute) != (None, None)
