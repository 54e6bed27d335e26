"""A consumer of the API: who calls, and what that one may use and spend."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

# How much of a request and its answer the inference log keeps.
FULL, REDACTED, SUMMARY = "full", "redacted", "summary"
LOG_POLICIES = (FULL, REDACTED, SUMMARY)
# From the shortest time to the longest: what a longer one allows, a shorter one must not exceed.
TOKEN_LIMITS = ("tokens_per_minute", "tokens_per_day", "tokens_per_month")
LIMITS = ("requests_per_minute", *TOKEN_LIMITS)
MAX_LIMIT = 10**15
MAX_CONSUMER_NAME = 63
# A consumer has two while they are changed.
MAX_KEYS = 2


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """One consumer. `models` None: all that are served; a limit of None: there is none.

    Days and months are those of the environment's time zone.
    """

    name: str
    models: frozenset[str] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    log: str = FULL
    is_declared: bool = False
    is_revoked: bool = False

    def may_use(self, model: str) -> bool:
        return self.models is None or model in self.models

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Consumer:
        """The consumer of an item of the table, with numbers of any kind."""
        limits = {name: int(item[name]) for name in LIMITS if name in item}
        models = frozenset(item["models"]) if "models" in item else None
        return cls(
            name=item["consumer"],
            models=models,
            log=item.get("log", FULL),
            is_declared=item.get("declared", False),
            is_revoked="revoked_at" in item or "withdrawn_at" in item,
            **limits,
        )

    def settings(self) -> dict[str, Any]:
        """What an item says of it beside its keys: no word of what it isn't limited in."""
        limits = {name: value for name in LIMITS if (value := getattr(self, name)) is not None}
        models = {} if self.models is None else {"models": sorted(self.models)}
        return {**models, **limits, "log": self.log}


SETTINGS = ("models", *LIMITS, "log")


def is_consumer_name(name: str) -> bool:
    """Whether a consumer can be called this: it stands in keys of tables, beside signs like #."""
    fits = re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name, re.ASCII)
    return fits is not None and len(name) <= MAX_CONSUMER_NAME


def limit_problems(limits: Mapping[str, int | None]) -> dict[str, str]:
    """What is wrong with limits by their names, in words for the person who wrote them."""
    found = {
        name: f"from 1 to {MAX_LIMIT}"
        for name, value in limits.items()
        if value is not None and not 1 <= value <= MAX_LIMIT
    }
    for shorter, longer in pairwise(TOKEN_LIMITS):
        few, many = limits.get(shorter), limits.get(longer)
        if few is not None and many is not None and few > many and shorter not in found:
            found[shorter] = f"no more than {longer}, which is {many}"
    return found


def key_item(key_id: str) -> str:
    """The key of the table's item that says whose an API key is, by API Gateway's id of it."""
    return f"KEY#{key_id}"
