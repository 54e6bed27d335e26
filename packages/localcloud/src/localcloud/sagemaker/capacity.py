"""How many jobs this machine runs at once, and which instances a person says are out of stock."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable


class Capacity:
    """Slots for jobs, given in the order they were asked for."""

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or max(1, (os.cpu_count() or 1) // 2)
        self._used = 0
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()
        self._short: set[tuple[str, bool]] = set()

    def set_available(self, instance_type: str, spot: bool, available: bool) -> None:
        """Say whether there are instances of a type, on spot or on demand; at first there are."""
        if available:
            self._short.discard((instance_type, spot))
        else:
            self._short.add((instance_type, spot))

    def is_short(self, instance_types: Iterable[str], spot: bool) -> bool:
        return any((one, spot) in self._short for one in instance_types)

    def acquire(self, give_up: Callable[[], bool]) -> bool:
        """Wait for a slot; False when `give_up` says so first (asked a few times a second)."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            while not (self._used < self.slots and self._queue[0] is ticket):
                if give_up():
                    self._queue.remove(ticket)
                    self._changed.notify_all()
                    return False
                self._changed.wait(0.1)
            self._queue.popleft()
            self._used += 1
            self._changed.notify_all()
        return True

    def release(self) -> None:
        with self._changed:
            self._used -= 1
            self._changed.notify_all()
