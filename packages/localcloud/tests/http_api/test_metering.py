"""Token buckets and quotas on a clock that can be advanced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.http_api.metering import Metering, period_start


class FrozenClock(Clock):
    """Stands still until advanced."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self._at = at.timestamp()

    def time(self) -> float:
        return self._at + self._offset


def metering(at: str = "2026-03-04T12:00:00+00:00") -> tuple[Metering, Clock]:
    clock = FrozenClock(datetime.fromisoformat(at))
    return Metering(clock), clock


def admitted(meter: Metering, num_requests: int, limit: dict[str, float]) -> int:
    count = 0
    for _ in range(num_requests):
        try:
            meter.throttle({("a",): limit})
        except GatewayError as error:
            assert (error.response_type, error.status) == ("THROTTLED", 429)
        else:
            count += 1
    return count


def test_a_burst_passes_and_the_rate_refills_it() -> None:
    meter, clock = metering()
    limit = {"rateLimit": 2.0, "burstLimit": 5}
    assert admitted(meter, 9, limit) == 5
    clock.advance(timedelta(seconds=1.5))
    assert admitted(meter, 9, limit) == 3
    clock.advance(timedelta(hours=1))
    assert admitted(meter, 9, limit) == 5


def test_a_limit_of_nothing_admits_nothing() -> None:
    meter, clock = metering()
    assert admitted(meter, 3, {"rateLimit": 0.0, "burstLimit": 0}) == 0
    clock.advance(timedelta(days=1))
    assert admitted(meter, 3, {"rateLimit": 0.0, "burstLimit": 0}) == 0


def test_a_request_refused_by_one_bucket_takes_from_none() -> None:
    meter, _ = metering()
    wide, narrow = {"rateLimit": 1, "burstLimit": 2}, {"rateLimit": 1, "burstLimit": 1}
    meter.throttle({("wide",): wide, ("narrow",): narrow})
    with pytest.raises(GatewayError):
        meter.throttle({("wide",): wide, ("narrow",): narrow})
    meter.throttle({("wide",): wide})


def test_concurrent_requests_never_exceed_the_burst() -> None:
    meter, _ = metering()
    limit = {"rateLimit": 1.0, "burstLimit": 50}
    with ThreadPoolExecutor(8) as threads:
        counts = threads.map(lambda _: admitted(meter, 40, limit), range(8))
    assert sum(counts) == 50


def used(meter: Metering, plan: dict[str, Any], num_requests: int, key: str = "k") -> int:
    count = 0
    for _ in range(num_requests):
        try:
            meter.count(plan, key)
        except GatewayError as error:
            assert (error.response_type, error.status) == ("QUOTA_EXCEEDED", 429)
        else:
            count += 1
    return count


@pytest.mark.parametrize(
    ("period", "inside", "outside"),
    [
        ("DAY", timedelta(hours=11), timedelta(hours=2)),
        ("WEEK", timedelta(days=3), timedelta(days=1)),  # 4 March 2026 is a Wednesday
        ("MONTH", timedelta(days=27), timedelta(days=1)),
    ],
)
def test_a_quota_is_renewed_with_its_period(
    period: str, inside: timedelta, outside: timedelta
) -> None:
    meter, clock = metering()
    plan = {"id": "p", "quota": {"limit": 3, "period": period}}
    assert used(meter, plan, 5) == 3
    assert used(meter, plan, 1, key="another") == 1
    clock.advance(inside)
    assert used(meter, plan, 1) == 0
    clock.advance(outside)
    assert used(meter, plan, 5) == 3


def test_the_offset_counts_in_the_first_period_alone() -> None:
    meter, clock = metering()
    plan = {"id": "p", "quota": {"limit": 3, "offset": 2, "period": "DAY"}}
    assert used(meter, plan, 5) == 1
    clock.advance(timedelta(days=1))
    assert used(meter, plan, 5) == 3


def test_usage_tells_what_was_used_and_what_remains() -> None:
    meter, clock = metering()
    plan = {"id": "p", "quota": {"limit": 5, "period": "WEEK"}}
    used(meter, plan, 2)
    clock.advance(timedelta(days=1))
    used(meter, plan, 1)
    assert meter.usage(plan, "k", date(2026, 3, 3), date(2026, 3, 5)) == [[0, 5], [2, 3], [1, 2]]


def test_weeks_start_on_sunday() -> None:
    assert period_start("WEEK", date(2026, 3, 7)) == date(2026, 3, 1)
    assert period_start("WEEK", date(2026, 3, 8)) == date(2026, 3, 8)
    assert datetime(2026, 3, 8, tzinfo=UTC).strftime("%a") == "Sun"
