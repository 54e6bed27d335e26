"""Where answers are kept for a while: what the adapters for DynamoDB and Valkey have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class StoreUnavailable(Exception):
    """The store can't be asked now."""


@dataclass(frozen=True)
class Entry:
    """What stands under a key: an answer, or who is about to make it; neither: nobody is."""

    answer: str | None = None
    leader: str | None = None


class CacheStore(Protocol):
    """Each call raises StoreUnavailable where the store doesn't answer."""

    def read(self, key: str) -> Entry: ...

    def lead(self, key: str, leader: str, seconds: float) -> Entry:
        """What stands there, and if that is nothing: `leader`, for so long."""

    def renew(self, key: str, leader: str, seconds: float) -> bool:
        """Lead for so long from now; False for one that doesn't lead any more."""

    def give_up(self, key: str, leader: str) -> None:
        """Let another lead; nothing for one that doesn't lead any more."""

    def put(self, key: str, answer: str, seconds: int) -> None:
        """Keep an answer, for so long; nobody leads any more."""
