"""An engine's thread: it works while there is work, and no caller waits for one that has ended."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from inference_containers.serving.watchdog import Watchdog
from meguru.api_errors import Overloaded

Work = TypeVar("Work")

logger = logging.getLogger(__name__)


class EngineThread(ABC, Generic[Work]):
    """Takes turns at the work of all who wait; one that can't go on ends, and `failed` hears why.

    It can't where a step takes longer than `max_step_seconds`. What is queued is changed with
    `_changed` held.
    """

    def __init__(self, failed: Callable[[str], None], max_step_seconds: float) -> None:
        self._failed = failed
        self._changed = threading.Condition()
        self._stopping = False
        # Every caller has been told how it ended. A thread that hangs may still be there.
        self._over = threading.Event()
        self._watchdog = Watchdog(max_step_seconds, self._give_up)
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and not self._over.is_set()

    def start(self) -> None:
        self._thread.start()
        self._watchdog.start()

    def stop(self) -> None:
        """End the thread; what is unfinished fails."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._over.wait()

    @abstractmethod
    def _has_work(self) -> bool:
        """Asked with `_changed` held."""

    @abstractmethod
    def _take_turn(self) -> None:
        """Do a part of the work. What it raises ends the engine."""

    @abstractmethod
    def _take_unfinished(self) -> Sequence[Work]:
        """All that is not done, out of every queue; asked with `_changed` held."""

    @abstractmethod
    def _fail(self, work: Work, message: str) -> None:
        """Tell who waits for `work` why it will not be done."""

    def _check_room(self, num_waiting: int, most: int) -> None:
        """Overloaded where nothing more may wait; asked with `_changed` held."""
        if self._stopping or not self.is_alive:
            raise Overloaded("The container is stopping.")
        if num_waiting >= most:
            raise Overloaded("Too many requests are waiting; try again shortly.", status=429)

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._take_turn()
        except Exception as error:
            logger.exception("the engine can't go on")
            self._failed(f"the engine can't go on: {error or type(error).__name__}")
        finally:
            self._abandon("The container stopped before the answer was complete.")

    def _wait_for_work(self) -> bool:
        self._watchdog.rest()
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._has_work())
            return not self._stopping

    def _give_up(self) -> None:
        """What the watchdog does, in its own thread: the engine's hangs, and says nothing."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        hangs_at = "".join(traceback.format_stack(frame)) if frame else "nowhere: it has ended"
        logger.critical("a step doesn't end; it is at\n%s", hangs_at)
        self._abandon("The model did not answer in time. Try again.")
        self._failed("the engine can't go on: a step takes longer than any answer may take")

    def _abandon(self, message: str) -> None:
        """Leave no caller waiting, whether the engine was stopped, has failed, or hangs."""
        with self._changed:
            self._stopping = True
            unfinished = self._take_unfinished()
        for work in unfinished:
            self._fail(work, message)
        self._watchdog.stop()
        self._over.set()
