"""The watchdog: a step that never ends is noticed, everything else is not."""

from __future__ import annotations

import threading

from inference_containers.serving.watchdog import MAX_STEP_SECONDS, Watchdog


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_only_a_step_is_overdue_and_only_after_its_time() -> None:
    clock = Clock()
    watchdog = Watchdog(MAX_STEP_SECONDS, lambda: None, clock)
    # Before the first step: a model that is being loaded.
    clock.seconds += 10 * MAX_STEP_SECONDS
    assert not watchdog.is_overdue()
    # Slow ones, one after another.
    for _ in range(10):
        watchdog.step()
        clock.seconds += MAX_STEP_SECONDS - 1
        assert not watchdog.is_overdue()
    watchdog.rest()
    clock.seconds += 10 * MAX_STEP_SECONDS
    assert not watchdog.is_overdue()
    watchdog.step()
    clock.seconds += MAX_STEP_SECONDS + 1
    assert watchdog.is_overdue()


def test_no_legal_answer_has_a_longer_step() -> None:
    """SageMaker ends a stream after 8 minutes (InvokeEndpointWithResponseStream)."""
    assert MAX_STEP_SECONDS >= 480


def test_it_calls_once_from_its_own_thread() -> None:
    threads: list[threading.Thread] = []
    called = threading.Event()

    def stalled() -> None:
        threads.append(threading.current_thread())
        called.set()

    watchdog = Watchdog(0.1, stalled)
    watchdog.step()
    watchdog.start()
    assert called.wait(10)
    watchdog._thread.join(10)
    assert threads == [watchdog._thread]
    assert not watchdog._thread.is_alive()


def test_it_stops() -> None:
    watchdog = Watchdog(0.1, lambda: None)
    watchdog.start()
    watchdog.stop()
    watchdog._thread.join(10)
    assert not watchdog._thread.is_alive()
