"""One makes an answer, the others have it; what goes wrong costs no answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from lambdas.answer_request import single_flight
from lambdas.answer_request.cache_store import StoreUnavailable
from lambdas.answer_request.single_flight import CachedAnswer, Lead, SingleFlight
from meguru.model_version import Answering
from tests.unit.lambdas.answer_request.memory_store import MemoryStore

ANSWER = CachedAnswer({"choices": [{"message": {"content": "はい"}}]}, Answering("arn:p/g/3", "0a"))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def flights(store: MemoryStore) -> SingleFlight:
    return SingleFlight(store, 300)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(single_flight, "LEAD_SECONDS", 0.15)
    monkeypatch.setattr(single_flight, "RENEW_SECONDS", 0.03)
    yield


def led(flights: SingleFlight) -> Lead:
    found, lead = flights.find("key")
    assert found is None and lead is not None
    return lead


def test_what_is_kept_is_found(flights: SingleFlight, store: MemoryStore) -> None:
    flights.put("key", ANSWER, led(flights))
    assert flights.find("key") == (ANSWER, None)
    # A hit costs one question.
    assert store.calls == ["read", "read", "lead", "put", "read"]


def test_who_asks_meanwhile_waits(flights: SingleFlight) -> None:
    lead = led(flights)
    found: list[object] = []
    waiting = [threading.Thread(target=lambda: found.append(flights.find("key"))) for _ in range(8)]
    for thread in waiting:
        thread.start()
    time.sleep(0.05)
    assert found == []
    flights.put("key", ANSWER, lead)
    for thread in waiting:
        thread.join(5)
    assert found == [(ANSWER, None)] * 8


def test_who_gives_up_lets_another_lead(flights: SingleFlight) -> None:
    flights.give_up(led(flights))
    flights.give_up(led(flights))


def test_who_works_for_long_leads_on(flights: SingleFlight, quick: None) -> None:
    lead = led(flights)
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.append(flights.find("key")))
    waiting.start()
    time.sleep(0.4)
    assert found == []
    flights.put("key", ANSWER, lead)
    waiting.join(5)
    assert found == [(ANSWER, None)]


def test_of_one_that_is_gone_another_takes_the_place(flights: SingleFlight, quick: None) -> None:
    lead = led(flights)
    # As where the process was killed: nothing renews it and nobody gives it up.
    flights.leads.end(lead)
    begun = time.monotonic()
    flights.leads.end(led(flights))
    assert 0.05 < time.monotonic() - begun < 2


def test_who_waited_for_too_long_asks_by_itself(
    flights: SingleFlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = led(flights)
    monkeypatch.setattr(single_flight, "MAX_WAIT_SECONDS", 0.05)
    assert flights.find("key") == (None, None)
    flights.leads.end(lead)


def test_a_store_that_is_unavailable_is_none(
    flights: SingleFlight,
    store: MemoryStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lead = led(flights)
    store.error = StoreUnavailable("gone")
    flights.put("key", ANSWER, lead)
    assert "gone" in caplog.text
    asked = len(store.calls)
    assert flights.find("key") == (None, None)
    # It is left alone for a while.
    assert len(store.calls) == asked
    monkeypatch.setattr(single_flight, "LEFT_ALONE_SECONDS", 0)
    flights.give_up(lead)
    assert flights.find("key") == (None, None)
    store.error = None
    store.leaders.clear()
    flights.leads.end(led(flights))


def test_what_is_too_large_is_not_kept(flights: SingleFlight, store: MemoryStore) -> None:
    large = CachedAnswer({"choices": ["字" * (single_flight.MAX_ANSWER_BYTES // 3)]}, Answering())
    flights.put("key", large, led(flights))
    assert not store.answers and not store.leaders


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"completion": {}, "answering": {"a": 1}}'])
def test_what_cannot_be_read_is_made_again(
    flights: SingleFlight, store: MemoryStore, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("key", text, 300)
    with caplog.at_level(logging.WARNING):
        assert flights.find("key") == (None, None)
    assert "can't be read" in caplog.text
    flights.put("key", ANSWER, None)
    assert flights.find("key") == (ANSWER, None)
