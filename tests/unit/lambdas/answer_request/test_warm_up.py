"""Who finds no copy is told when there will be one, by the last start and since when it goes on."""

from __future__ import annotations

import pytest

from lambdas.answer_request.warm_up import ALARM_SECONDS, LEAST_SECONDS, WarmUp


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def warm_up(now: list[float]) -> WarmUp:
    return WarmUp(lambda: 240, lambda: now[0])


def test_the_last_start_says_how_long(warm_up: WarmUp) -> None:
    said = warm_up.refuse()
    assert said.headers() == {"retry-after": str(240 + ALARM_SECONDS)}
    assert "ready in about 300 s" in said.message


def test_it_gets_less_while_it_warms(warm_up: WarmUp, now: list[float]) -> None:
    waits = []
    for _ in range(4):
        waits.append(warm_up.refuse().retry_after_seconds)
        now[0] += 100
    assert waits == [300, 200, 100, LEAST_SECONDS]


def test_the_next_time_it_begins_anew(warm_up: WarmUp, now: list[float]) -> None:
    warm_up.refuse()
    now[0] += 200
    warm_up.end()
    assert warm_up.refuse().retry_after_seconds == 300
    # Others have had its answers meanwhile.
    now[0] += 3600
    assert warm_up.refuse().retry_after_seconds == 300


def test_where_no_start_was_seen_it_is_an_estimate() -> None:
    assert WarmUp().refuse().retry_after_seconds == 180
