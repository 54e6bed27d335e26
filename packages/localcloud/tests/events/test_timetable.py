"""Callbacks at moments of the cloud's clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.events.expressions import Rate
from localcloud.events.timetable import Timetable

Eventually = Callable[..., Any]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timetable(clock: Clock) -> Iterator[Timetable]:
    timetable = Timetable(clock, "test-timetable")
    timetable.start()
    yield timetable
    timetable.stop()


def test_a_jump_over_several_moments_calls_each_in_order(
    clock: Clock, timetable: Timetable, eventually: Eventually
) -> None:
    start, called = clock.now(), list[tuple[str, datetime]]()
    for name, minutes in (("a", 2), ("b", 5)):
        rate = Rate(minutes * MINUTE, start)
        timetable.every(rate, start, name, lambda when, name=name: called.append((name, when)))  # type: ignore[misc]
    clock.advance(7 * MINUTE)
    eventually(lambda: len(called) == 4)
    assert [name for name, _when in called] == ["a", "a", "b", "a"]
    assert [when for _name, when in called] == [start + n * MINUTE for n in (2, 4, 5, 6)]


def test_an_entry_is_replaced_or_cancelled_by_its_key(
    clock: Clock, timetable: Timetable, eventually: Eventually
) -> None:
    called: list[str] = []
    when = clock.now() + MINUTE
    timetable.at(when, "k", lambda _when: called.append("old"))
    timetable.at(when, "k", lambda _when: called.append("new"))
    timetable.at(when, "c", lambda _when: called.append("cancelled"))
    timetable.cancel("c")
    clock.advance(2 * MINUTE)
    eventually(lambda: called == ["new"])
    assert len(timetable) == 0


def test_a_callback_that_fails_does_not_end_the_others(
    clock: Clock, timetable: Timetable, eventually: Eventually
) -> None:
    called = threading.Event()

    def fail(_when: datetime) -> None:
        raise ZeroDivisionError

    timetable.at(clock.now(), "bad", fail)
    timetable.at(clock.now(), "good", lambda _when: called.set())
    eventually(called.is_set)


def test_a_series_that_is_over_is_not_kept(timetable: Timetable) -> None:
    class Over:
        def next_after(self, when: datetime) -> datetime | None:
            return None

    timetable.every(Over(), datetime.now(UTC), "k", lambda _when: None)
    assert len(timetable) == 0


def test_many_threads_may_add_at_once(
    clock: Clock, timetable: Timetable, eventually: Eventually
) -> None:
    called: list[int] = []
    start = clock.now()

    def add(first: int) -> None:
        for number in range(first, first + 50):
            timetable.at(start, number, lambda _when, number=number: called.append(number))  # type: ignore[misc]

    threads = [threading.Thread(target=add, args=(first,)) for first in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: sorted(called) == list(range(400)))


def test_stopping_at_any_moment_ends_the_thread(clock: Clock) -> None:
    for number in range(200):
        timetable = Timetable(clock, f"stopped-{number}")
        timetable.start()
        timetable.at(clock.now(), "k", lambda _when: None)
        timetable.stop()
    assert not [t for t in threading.enumerate() if t.name.startswith("stopped-")]
