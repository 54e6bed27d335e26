"""What a consumer may still ask for in this minute, as OpenAI's response headers say it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class RateLimit:
    """One limit: what it allows, what is left of it, and the seconds until it is whole again."""

    limit: int
    remaining: int
    reset_seconds: float


@dataclass(frozen=True)
class RateLimits:
    """A consumer's limits; None where there is none.

    After https://platform.openai.com/docs/guides/rate-limits (headers).
    """

    requests: RateLimit | None = None
    tokens: RateLimit | None = None

    def headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, one in (("requests", self.requests), ("tokens", self.tokens)):
            if one is not None:
                found[f"x-ratelimit-limit-{name}"] = str(one.limit)
                found[f"x-ratelimit-remaining-{name}"] = str(max(one.remaining, 0))
                found[f"x-ratelimit-reset-{name}"] = f"{math.ceil(one.reset_seconds)}s"
        return found
