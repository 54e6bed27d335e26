"""An answer's place in the cache: found there, made by another just now, or to be made here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lambdas.answer_request.ports import AnswerCache, CachedAnswer, Lead
from meguru.consumer import Consumer
from meguru.model_version import Answering
from meguru.request import Request

# Who makes an answer alone is waited for so long; then another one makes it.
LEAD_SECONDS = 30


@dataclass
class Place:
    """Where an answer will be kept: nowhere without a `key`."""

    found: CachedAnswer | None = None
    key: str | None = None
    serving: Answering | None = None
    made: dict[str, Any] | None = None

    def keep(self, answering: Answering, completion: dict[str, Any]) -> None:
        """Keep a whole answer; not one of another version than the key is of, as in a release."""
        if answering == self.serving:
            self.made = completion


@dataclass(frozen=True)
class Caching:
    """A cache, and what an answer in it is found by.

    `serving` says which version of a model answers now, None where that isn't known; `key` gives a
    request's key, None for one that isn't kept.
    """

    store: AnswerCache
    serving: Callable[[str], Answering | None]
    key: Callable[[Consumer, Answering, Request], str | None]
    seconds: int

    @contextmanager
    def place(self, consumer: Consumer, request: Request) -> Iterator[Place]:
        """The answer's place; while it is open and nothing was found, nobody else makes it."""
        serving = self.serving(request.model or "")
        key = self.key(consumer, serving, request) if serving else None
        if key is None:
            yield Place()
            return
        found, lead = self._find(key)
        place = Place(found, key, serving)
        try:
            yield place
            if place.made is not None and serving:
                self.store.put(key, CachedAnswer(place.made, serving), self.seconds)
                lead = None
        finally:
            if lead:
                lead.give_up()

    def _find(self, key: str) -> tuple[CachedAnswer | None, Lead | None]:
        while True:
            if found := self.store.get(key):
                return found, None
            if lead := self.store.lead(key, LEAD_SECONDS):
                return None, lead
            if found := self.store.wait(key):
                return found, None
