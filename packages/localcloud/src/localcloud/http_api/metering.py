"""Throttling by token bucket and quotas by calendar period, on the cloud's clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from localcloud.clock import Clock
from localcloud.http_api.gateway_responses import GatewayError

Limits = dict[str, Any]


class TokenBucket:
    """Holds at most `burst` tokens and gains `rate` a second; a request takes one.

    API Gateway's algorithm:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
    """

    def __init__(self, now: float, burst: int) -> None:
        self._tokens, self._at = float(burst), now

    def refill(self, now: float, rate: float, burst: int) -> bool:
        """Add what time has brought; whether a token can be taken."""
        gained = max(0.0, now - self._at) * rate
        self._tokens, self._at = min(float(burst), self._tokens + gained), now
        # Sums of fractions fall short of 1 by rounding alone.
        return self._tokens >= 1 - 1e-9

    def take(self) -> None:
        self._tokens -= 1


class Metering:
    """What each key has used of its usage plan, and what each method of its stage's limits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, ...], TokenBucket] = {}
        self._used: dict[tuple[str, str], dict[date, int]] = {}
        self._first_period: dict[tuple[str, str], date] = {}
        # The period in which a key was granted more, and its limit there.
        self._extended: dict[tuple[str, str], tuple[date, int]] = {}

    def throttle(self, limits: dict[tuple[str, ...], Limits]) -> None:
        """Take one token from every named bucket, or none and THROTTLED.

        A limit has `rateLimit` (requests a second) and `burstLimit`; what it lacks is unlimited.
        """
        with self._lock:
            now = self._clock.time()
            buckets = list(self._ready(limits, now))
            if not all(ready for _, ready in buckets):
                raise GatewayError("THROTTLED", "Too Many Requests")
            for bucket, _ in buckets:
                bucket.take()

    def _ready(
        self, limits: dict[tuple[str, ...], Limits], now: float
    ) -> Iterator[tuple[TokenBucket, bool]]:
        for name, limit in limits.items():
            if limit.get("rateLimit") is None and limit.get("burstLimit") is None:
                continue
            rate, burst = _rate_and_burst(limit)
            bucket = self._buckets.setdefault(name, TokenBucket(now, burst))
            yield bucket, bucket.refill(now, rate, burst)

    def count(self, plan: dict[str, Any], key_id: str) -> None:
        """Count one request against the plan's quota, or QUOTA_EXCEEDED."""
        today, name = self._clock.now().date(), (plan["id"], key_id)
        quota = plan.get("quota")
        with self._lock:
            used = self._used.setdefault(name, {})
            if quota:
                start = period_start(quota["period"], today)
                self._first_period.setdefault(name, start)
                if _spent(used, start, today) >= self._limit(quota, name, start):
                    raise GatewayError("QUOTA_EXCEEDED", "Limit Exceeded")
            used[today] = used.get(today, 0) + 1

    def extend(self, plan: dict[str, Any], key_id: str, remaining: int) -> None:
        """Let the key make `remaining` requests more until the quota's period ends."""
        today, name = self._clock.now().date(), (plan["id"], key_id)
        start = period_start(plan["quota"]["period"], today)
        with self._lock:
            spent = _spent(self._used.get(name, {}), start, today)
            self._extended[name] = (start, spent + remaining)

    def _limit(self, quota: dict[str, Any], name: tuple[str, str], start: date) -> int:
        period, limit = self._extended.get(name, (None, 0))
        if period == start:
            return limit
        is_first = self._first_period.get(name) == start
        return int(quota["limit"]) - (quota.get("offset", 0) if is_first else 0)

    def usage(self, plan: dict[str, Any], key_id: str, first: date, last: date) -> list[list[int]]:
        """`[used, remaining]` for each day; remaining is 0 where the plan has no quota."""
        quota = plan.get("quota")
        with self._lock:
            used = dict(self._used.get((plan["id"], key_id), {}))
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        rows = []
        for day in days:
            remaining = 0
            if quota:
                start = period_start(quota["period"], day)
                limit = self._limit(quota, (plan["id"], key_id), start)
                remaining = max(0, limit - _spent(used, start, day))
            rows.append([used.get(day, 0), remaining])
        return rows


def _spent(used: dict[date, int], first: date, last: date) -> int:
    return sum(count for day, count in used.items() if first <= day <= last)


def _rate_and_burst(limit: Limits) -> tuple[float, int]:
    """Without a burst limit a second's worth may come at once, and the other way round."""
    rate, burst = limit.get("rateLimit"), limit.get("burstLimit")
    if rate is None:
        assert burst is not None
        return float(burst), int(burst)
    return float(rate), int(max(rate, 1) if burst is None else burst)


def period_start(period: str, day: date) -> date:
    """The first day (UTC) of the quota period that `day` is in; a week starts on Sunday."""
    if period == "MONTH":
        return day.replace(day=1)
    if period == "WEEK":
        return day - timedelta(days=(day.weekday() + 1) % 7)
    assert period == "DAY", period
    return day
