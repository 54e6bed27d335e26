"""An answer's place in the cache: found there, made by another just now, or to be made here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lambdas.answer_request.single_flight import CachedAnswer, SingleFlight
from meguru.cache_key import Version, cache_key
from meguru.consumer import Consumer
from meguru.model_version import Answering
from meguru.request import Request

# What a caller may ask for in `cache-control` (RFC 9111, section 5.2.1): an answer made anew, and
# one that isn't kept either.
NO_CACHE, NO_STORE = "no-cache", "no-store"

Key = Callable[[str, Version, str, Mapping[str, Any]], str]


@dataclass
class Place:
    """Where an answer is found, or will be kept: nowhere without a `version`."""

    found: CachedAnswer | None = None
    version: Version | None = None
    made: CachedAnswer | None = None

    def keep(self, answering: Answering, completion: dict[str, Any]) -> None:
        """Keep a whole answer; not one of another version than the key is of, as in a release."""
        if self.version and answering.model_version == self.version.model:
            self.made = CachedAnswer(completion, answering)


@dataclass(frozen=True)
class Caching:
    """The answers that were made; `serving` says what answers for a model now, None: not known."""

    flights: SingleFlight
    serving: Callable[[str], Version | None]
    key: Key = cache_key

    @contextmanager
    def place(self, consumer: Consumer, request: Request, control: str = "") -> Iterator[Place]:
        """The answer's place; while it is open and nothing was found, nobody else makes it.

        `control` is the request's `cache-control`.
        """
        wishes = set(re.findall(r"[\w-]+", control.lower()))
        version = None if NO_STORE in wishes else self.serving(request.model or "")
        if version is None:
            yield Place()
            return
        key = self.key(consumer.name, version, request.id_prefix, request.body())
        found, lead = (None, None) if NO_CACHE in wishes else self.flights.find(key)
        place = Place(found, version)
        try:
            yield place
            if place.made:
                self.flights.put(key, place.made, lead)
                lead = None
        finally:
            if lead:
                self.flights.give_up(lead)
