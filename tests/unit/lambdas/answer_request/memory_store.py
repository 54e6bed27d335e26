"""A store of one process; what its clock says is real time."""

from __future__ import annotations

import threading
import time

from lambdas.answer_request.cache_store import Entry, StoreUnavailable


class MemoryStore:
    """`error` is what it says instead of everything; `calls` are the names of what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, float]] = {}
        self.leaders: dict[str, tuple[str, float]] = {}
        self.error: StoreUnavailable | None = None
        self.calls: list[str] = []
        self._lock = threading.RLock()

    def read(self, key: str) -> Entry:
        self._note("read")
        now = time.monotonic()
        answer, answer_until = self.answers.get(key, (None, 0.0))
        leader, leads_until = self.leaders.get(key, (None, 0.0))
        if answer is not None and answer_until > now:
            return Entry(answer=answer)
        return Entry(leader=leader) if leads_until > now else Entry()

    def lead(self, key: str, leader: str, seconds: float) -> Entry:
        with self._lock:
            entry = self.read(key)
            self._note("lead")
            if entry != Entry():
                return entry
            self.leaders[key] = leader, time.monotonic() + seconds
            return Entry(leader=leader)

    def renew(self, key: str, leader: str, seconds: float) -> bool:
        with self._lock:
            self._note("renew")
            if self.leaders.get(key, ("", 0))[0] != leader:
                return False
            self.leaders[key] = leader, time.monotonic() + seconds
            return True

    def give_up(self, key: str, leader: str) -> None:
        with self._lock:
            self._note("give_up")
            if self.leaders.get(key, ("", 0))[0] == leader:
                del self.leaders[key]

    def put(self, key: str, answer: str, seconds: int) -> None:
        with self._lock:
            self._note("put")
            self.answers[key] = answer, time.monotonic() + seconds
            self.leaders.pop(key, None)

    def _note(self, name: str) -> None:
        self.calls.append(name)
        if self.error:
            raise self.error
