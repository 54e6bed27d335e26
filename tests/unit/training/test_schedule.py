"""The schedule: by time with room for writing, by steps, or never."""

from __future__ import annotations

from training.schedule import CheckpointSchedule


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def due_steps(
    schedule: CheckpointSchedule, clock: Clock, seconds: float, write_seconds: float = 0.0
) -> list[int]:
    """Of a hundred steps of so many seconds, those after which a save begins."""
    found = []
    for step in range(1, 101):
        clock.now += seconds
        if schedule.is_due(step, write_seconds):
            schedule.began()
            found.append(step)
    return found


def test_no_more_than_the_minutes_are_lost() -> None:
    clock = Clock()
    # A step of 10 s, and 15 s to write: begun 40 s after the last, safe before 60 s are over.
    assert due_steps(CheckpointSchedule(1, 0, clock), clock, 10, 15)[:3] == [4, 8, 12]


def test_by_steps() -> None:
    clock = Clock()
    assert due_steps(CheckpointSchedule(0, 30, clock), clock, 10) == [30, 60, 90]


def test_never() -> None:
    clock = Clock()
    never = CheckpointSchedule(0, 0, clock)
    assert due_steps(never, clock, 1000) == []
    assert not never.is_on
    assert CheckpointSchedule(0, 1, clock).is_on and CheckpointSchedule(1, 0, clock).is_on


def test_due_until_it_began() -> None:
    clock = Clock()
    schedule = CheckpointSchedule(0, 2, clock)
    assert [schedule.is_due(step, 0.0) for step in (1, 2, 3)] == [False, True, True]
    schedule.began()
    assert not schedule.is_due(5, 0.0)
