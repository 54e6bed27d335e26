"""A book of the ledger: one item a consumer and month, which is all that its limits are held to.

In one item so that a reservation is one conditional write, however many write at once. It has

- the totals of the month and of each day, `tokens` and `tokens_27`: settled and reserved;
- the minute that requests were last made in, with its requests and tokens;
- the reservations that are open, each with all it takes to settle it;
- what was used, for each day and model: `27/staff-chat/prompt_tokens`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from meguru.conditional_update import Attributes

KEY, MONTH, CONSUMER = "counter", "month", "consumer"
# The index that finds the books of a month.
MONTH_INDEX = "month"
OPEN = "open"
MINUTE, MINUTE_REQUESTS, MINUTE_TOKENS = "minute", "minute_requests", "minute_tokens"
# No function lives as long: Lambda ends each after 15 minutes.
LIFETIME_SECONDS = 20 * 60
_SEPARATOR, _USE_SEPARATOR = "|", "/"


def consumer_book(consumer: str, month: str) -> str:
    """The key of a consumer's book."""
    return f"consumer#{consumer}#{month}"


def account_book(month: str) -> str:
    """The key of the book that all consumers together are held to."""
    return f"account#{month}"


def month_of_book(key: str) -> str:
    return key.rpartition("#")[2]


def is_account_book(key: str) -> bool:
    return key.startswith("account#")


@dataclass(frozen=True)
class Opened:
    """A reservation as it stands in its consumer's book while it is open.

    `tokens` and `amount` are upper bounds, `day` and `minute` when it was made. `booked_as` is the
    name under which its consumer is told what it used, where that is another than the model's.
    """

    id: str
    expires_at: int
    tokens: int
    amount: int
    day: str
    minute: int
    model: str
    booked_as: str = ""

    def text(self) -> str:
        parts = [str(getattr(self, one.name)) for one in fields(self)]
        if not self.booked_as:
            # As it stands where it was written before there were other names.
            del parts[-1]
        if any(_SEPARATOR in part for part in parts):
            raise ValueError(f"no reservation's id or model has a {_SEPARATOR}: {self.id!r}")
        return _SEPARATOR.join(parts)

    @classmethod
    def read(cls, text: str) -> Opened:
        name, expires_at, tokens, amount, day, minute, *names = text.split(_SEPARATOR)
        return cls(name, int(expires_at), int(tokens), int(amount), day, int(minute), *names)

    @property
    def line(self) -> str:
        """The name of what was used, in the book."""
        return self.booked_as or self.model

    @property
    def made_at(self) -> int:
        return self.expires_at - LIFETIME_SECONDS

    @property
    def mark(self) -> bytes:
        """What stands for it in the account's book, where hundreds may be open at once."""
        return hashlib.sha256(self.id.encode()).digest()[:8]


@dataclass(frozen=True)
class Used:
    """What was used. `unconfirmed_tokens` are the bounds of answers of which nothing was heard.

    `amount` is in millionths of the currency; tokens of answers from the cache count apart.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unconfirmed_tokens: int = 0
    cached_requests: int = 0
    cached_tokens: int = 0
    amount: int = 0

    @property
    def tokens(self) -> int:
        """What counts against limits."""
        return self.prompt_tokens + self.completion_tokens + self.unconfirmed_tokens

    def __add__(self, other: Used) -> Used:
        return Used(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def attributes(self, day: str, model: str) -> dict[str, int]:
        """The book's attributes that this adds to."""
        names = (_USE_SEPARATOR.join((day, model, name)) for name in vars(self))
        return dict(zip(names, vars(self).values(), strict=True))


@dataclass(frozen=True)
class Book:
    """A book as it was read: its numbers, and what is open."""

    key: str
    consumer: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    open: tuple[Opened, ...] = ()

    @classmethod
    def read(cls, key: str, item: Attributes) -> Book:
        numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value}
        opened = item.get(OPEN, {}).get("SS", [])
        consumer: Any = item.get(CONSUMER, {}).get("S", "")
        return cls(key, consumer, numbers, tuple(map(Opened.read, opened)))

    @property
    def month(self) -> str:
        return month_of_book(self.key)

    def number(self, name: str) -> int:
        return self.numbers.get(name, 0)

    def used(self) -> Iterator[tuple[str, str, Used]]:
        """Each day (`2026-11-27`) and model with what was used, in their order."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        for name, value in self.numbers.items():
            day, *rest = name.split(_USE_SEPARATOR)
            if len(rest) == 2:
                found.setdefault((day, rest[0]), {})[rest[1]] = value
        for (day, model), values in sorted(found.items()):
            yield f"{self.month}-{day}", model, Used(**values)
