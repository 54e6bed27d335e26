"""The refusals of a consumer that has too little left, in words for who calls."""

from __future__ import annotations

from typing import Literal

from meguru.api_errors import QuotaExceeded, RateLimited
from meguru.billing import Limit
from meguru.rate_limits import RateLimit, RateLimits

FEWER = "Ask for fewer `max_tokens`, or with fewer messages"


def rate_limited(
    unit: Literal["requests", "tokens"], needed: int, limits: RateLimits
) -> RateLimited | QuotaExceeded:
    """Too much within a minute; no client asks again by itself where no minute has room for it."""
    limit: RateLimit | None = getattr(limits, unit)
    assert limit is not None
    said = f"Rate limit reached: {limit.limit} {unit} a minute."
    if needed > limit.limit:
        return QuotaExceeded(f"{said} This request may use {needed}. {FEWER}.", limits)
    if unit == "tokens":
        said += f" This request may use {needed}; {max(0, limit.remaining)} are left."
    seconds = int(limit.reset_seconds)
    return RateLimited(f"{said} Try again in {seconds} s.", seconds, limits)


def quota_exceeded(
    limit: Limit, left: int, needed: int, limits: RateLimits | None = None
) -> QuotaExceeded:
    """A budget that a request could overspend, with `needed` of which `left` is left."""
    until = f"{limit.renewed:%Y-%m-%d %H:%M %Z}"
    said = (
        f"You exceeded your quota {limit.name} of {limit.most}: this request may use {needed}, "
        f"{max(0, left)} are left until {until}. {FEWER}, or for more quota."
    )
    if limit.is_of_account:
        # What all together may spend is not for each of them to know.
        said = f"The budget of this API ({limit.name}) has no room for this request until {until}."
    return QuotaExceeded(said, limits or RateLimits())
