"""What a consumer has left in this minute, and the refusals of one that has too little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meguru.api_errors import DONT_RETRY, ApiError, error_body
from meguru.billing import Limit


@dataclass(frozen=True)
class Rates:
    """The limits of a minute and what is left of them, for `seconds` more; None: no such limit."""

    seconds: int
    requests: int | None = None
    requests_left: int = 0
    tokens: int | None = None
    tokens_left: int = 0

    def headers(self) -> dict[str, str]:
        """`x-ratelimit-*`, as OpenAI's API has them (platform documentation, "Rate limits")."""
        limits = {
            "requests": (self.requests, self.requests_left),
            "tokens": (self.tokens, self.tokens_left),
        }
        return {
            f"x-ratelimit-{name}-{unit}": value
            for unit, (limit, left) in limits.items()
            if limit is not None
            for name, value in (
                ("limit", str(limit)),
                ("remaining", str(max(0, left))),
                ("reset", f"{self.seconds}s"),
            )
        }


class RateLimited(ApiError):
    """Too much within a minute: again in the next one, unless the request alone is too large."""

    def __init__(self, unit: str, needed: int, rates: Rates) -> None:
        limit, left = getattr(rates, unit), max(0, getattr(rates, f"{unit}_left"))
        self.is_hopeless = needed > limit
        what = {"requests": "", "tokens": f" This request may use {needed}; {left} are left."}[unit]
        hint = (
            " Ask for fewer `max_tokens`, or with fewer messages."
            if self.is_hopeless
            else f" Try again in {rates.seconds} s."
        )
        message = f"Rate limit reached: {limit} {unit} a minute.{what}{hint}"
        super().__init__(429, message, code="rate_limit_exceeded")
        self._rates = rates

    def headers(self) -> dict[str, str]:
        rates = self._rates.headers()
        if self.is_hopeless:
            return {**rates, **DONT_RETRY}
        return {**rates, "retry-after": str(self._rates.seconds)}


class QuotaExceeded(ApiError):
    """A budget that this request could overspend: `needed` of which `left` is left.

    No client asks again by itself.
    """

    def __init__(self, limit: Limit, left: int, needed: int) -> None:
        self.limit = limit.name
        until = f"{limit.renewed:%Y-%m-%d %H:%M %Z}"
        message = (
            f"You exceeded your quota {limit.name} of {limit.most}: this request may use {needed}, "
            f"{max(0, left)} are left until {until}. Ask for fewer `max_tokens`, or for more quota."
        )
        if limit.is_of_account:
            message = f"The budget of this API ({limit.name}) is used up until {until}."
        super().__init__(429, message, code="insufficient_quota")

    def body(self) -> dict[str, Any]:
        """OpenAI has a type of its own for it."""
        return error_body(self.message, "insufficient_quota", code=self.code)

    def headers(self) -> dict[str, str]:
        return DONT_RETRY
