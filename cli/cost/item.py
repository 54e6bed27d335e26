"""A line of an estimate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """US dollars for something, None where its price isn't known; `note` says what it is by."""

    what: str
    dollars: float | None
    note: str = ""


def total(items: Iterable[Item]) -> float:
    """The sum of all whose prices are known."""
    return sum(one.dollars for one in items if one.dollars is not None)
