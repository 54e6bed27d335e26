"""A consumer of the API: who calls, and what that one may use and spend."""

from __future__ import annotations

from dataclasses import dataclass

# How much of a request and its answer the inference log keeps.
FULL, REDACTED, SUMMARY = "full", "redacted", "summary"
LOG_POLICIES = (FULL, REDACTED, SUMMARY)


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
    is_revoked: bool = False

    def may_use(self, model: str) -> bool:
        return self.models is None or model in self.models
