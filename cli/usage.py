"""What each consumer has used in a month, from the ledger: a table, or a statement as CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TextIO
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.account import Account
from meguru.ledger import read_book
from meguru.ledger_book import Used
from meguru.ledger_books import consumer_books
from meguru.prices import MILLIONTHS

COLUMNS = (
    "requests",
    "prompt_tokens",
    "completion_tokens",
    "unconfirmed_tokens",
    "cached_requests",
    "cached_tokens",
)


@dataclass(frozen=True)
class Line:
    """What a consumer used of a model on a day, `2026-11-27`."""

    consumer: str
    day: str
    model: str
    used: Used


class Statement:
    """A month of an environment, `2026-11`; without one, the month that it is in its time zone."""

    def __init__(self, account: Account, month: str = "") -> None:
        self.currency = account.outputs["Currency"]
        zone = ZoneInfo(account.outputs["TimeZone"])
        self.month = month or f"{datetime.now(UTC).astimezone(zone):%Y-%m}"
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", self.month, re.ASCII):
            raise ValueError(f"--month {month!r} is no month: give one such as 2026-11")
        client, table = account.client("dynamodb"), account.outputs["LedgerTable"]
        keys = sorted(consumer_books(client, table, self.month))
        self.books = [read_book(client, table, key) for key in keys]

    def lines(self) -> Iterator[Line]:
        for book in self.books:
            for day, model, used in book.used():
                yield Line(book.consumer, day, model, used)

    def by_model(self) -> dict[tuple[str, str], Used]:
        """The month's totals by consumer and model."""
        found: dict[tuple[str, str], Used] = {}
        for line in self.lines():
            key = (line.consumer, line.model)
            found[key] = found.get(key, Used()) + line.used
        return found

    def write_csv(self, file: TextIO) -> None:
        """A row for each consumer, day and model, whose amounts are exact."""
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["consumer", "day", "model", *COLUMNS, "amount", "currency"])
        for line in self.lines():
            row = [line.consumer, line.day, line.model, *_counts(line.used)]
            writer.writerow([*row, in_currency(line.used.amount), self.currency])

    def show(self, console: Console) -> None:
        totals = self.by_model()
        if not totals:
            console.print(f"Nothing was used in {self.month}.", highlight=False)
            return
        words = [column.replace("_", " ") for column in COLUMNS]
        table = Table("consumer", "model", *words, self.currency, title=f"Usage in {self.month}")
        rows = [*totals.items(), (("all", ""), sum(totals.values(), Used()))]
        for (consumer, model), used in rows:
            counts = [f"{count:,}" for count in _counts(used)]
            money = f"{in_currency(used.amount):,.2f}"
            table.add_row(escape(consumer), escape(model), *counts, money)
        console.print(table)
        if num_open := self.num_open:
            said = f"Requests under way, whose usage is not yet among it: {num_open}."
            console.print(said, highlight=False)

    @property
    def num_open(self) -> int:
        return sum(len(book.open) for book in self.books)


def in_currency(millionths: int) -> Decimal:
    return Decimal(millionths) / MILLIONTHS


def _counts(used: Used) -> Sequence[int]:
    return [getattr(used, column) for column in COLUMNS]
