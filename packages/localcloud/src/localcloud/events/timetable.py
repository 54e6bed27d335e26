"""What is to happen when: callbacks at moments of the cloud's clock."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime

from localcloud.clock import Clock
from localcloud.events.expressions import Recurrence

_log = logging.getLogger(__name__)

Callback = Callable[[datetime], None]


@dataclass(order=True)
class _Entry:
    when: datetime
    number: int
    key: Hashable = field(compare=False)
    callback: Callback = field(compare=False)
    recurrence: Recurrence | None = field(compare=False, default=None)


class Timetable:
    """One thread that calls back at the moments it was asked for, in their order.

    When the clock jumps over several moments of a series, each is called. Callbacks get the moment
    they were meant for and must be quick.
    """

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._entries: list[_Entry] = []
        self._current: dict[Hashable, _Entry] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is still to come is dropped."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def at(self, when: datetime, key: Hashable, callback: Callback) -> None:
        """Call once at `when`; an earlier entry of the same key is replaced."""
        self._add(_Entry(when, next(self._numbers), key, callback))

    def every(
        self, recurrence: Recurrence, after: datetime, key: Hashable, callback: Callback
    ) -> None:
        """Call at each moment of a series later than `after`; replaces the key's earlier entry."""
        when = recurrence.next_after(after)
        if when is None:
            self.cancel(key)
        else:
            self._add(_Entry(when, next(self._numbers), key, callback, recurrence))

    def cancel(self, key: Hashable) -> None:
        with self._lock:
            self._current.pop(key, None)

    def __len__(self) -> int:
        return len(self._current)

    def _add(self, entry: _Entry) -> None:
        with self._lock:
            self._current[entry.key] = entry
            heapq.heappush(self._entries, entry)
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.clear()
            # Only now: a stop before the clearing would be slept through.
            if self._stopping:
                return
            entry = self._take_due()
            if entry:
                self._call(entry)
            else:
                self._wait()

    def _wait(self) -> None:
        with self._lock:
            when = self._entries[0].when if self._entries else None
        if when:
            self._clock.wait_until(when, self._wake)
        else:
            self._wake.wait()

    def _take_due(self) -> _Entry | None:
        """The earliest entry whose moment has come, with its successor put in its place."""
        now = self._clock.now()
        with self._lock:
            while self._entries and self._entries[0].when <= now:
                entry = heapq.heappop(self._entries)
                if self._current.get(entry.key) is entry:
                    self._succeed(entry)
                    return entry
        return None

    def _succeed(self, entry: _Entry) -> None:
        del self._current[entry.key]
        when = entry.recurrence.next_after(entry.when) if entry.recurrence else None
        if when:
            successor = _Entry(
                when, next(self._numbers), entry.key, entry.callback, entry.recurrence
            )
            self._current[entry.key] = successor
            heapq.heappush(self._entries, successor)

    def _call(self, entry: _Entry) -> None:
        try:
            entry.callback(entry.when)
        except Exception:  # noqa: BLE001 - one callback's fault mustn't end the others' time
            _log.exception("the callback %s at %s failed", entry.key, entry.when)
