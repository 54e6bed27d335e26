"""The write that ends a reservation: what was used, in place of its bound."""

from __future__ import annotations

from dataclasses import dataclass

from meguru.billing import TOKENS, day_total
from meguru.conditional_update import ConditionalUpdate
from meguru.ledger_book import KEY, MINUTE, MINUTE_TOKENS, OPEN, Opened, Used, month_of_book
from meguru.quota import Rates


@dataclass(frozen=True)
class Reservation:
    """What was reserved, in which book, and what is left of the minute's limits."""

    book: str
    opened: Opened
    rates: Rates | None = None

    @property
    def month(self) -> str:
        return month_of_book(self.book)


def settlement(
    table_name: str, reservation: Reservation, used: Used, gives_back: bool
) -> ConditionalUpdate:
    """`gives_back` the tokens of the minute that were not used, if it is still that one."""
    opened, change = reservation.opened, used.tokens - reservation.opened.tokens
    update = ConditionalUpdate(table_name, {KEY: {"S": reservation.book}})
    update.if_in(OPEN, opened.text())
    update.take_out(OPEN, frozenset({opened.text()}))
    update.add(TOKENS, change)
    update.add(day_total(TOKENS, opened.day), change)
    for name, value in used.attributes(opened.day, opened.line).items():
        update.add(name, value)
    if gives_back:
        update.if_equal(MINUTE, opened.minute)
        update.add(MINUTE_TOKENS, change)
    return update
