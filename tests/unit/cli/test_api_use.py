"""What a demo says of its answers' times, and of what they used."""

from __future__ import annotations

from typing import Any

import pytest

from cli import api_use
from cli.api_use import ConsumerUse, TimedAnswer, read_ledger
from cli.chat import Reply
from cli.loop import LoopFailed
from meguru.billing import Billing
from meguru.consumer import Consumer
from meguru.ledger import Ledger
from meguru.ledger_book import Used
from tests.unit.cli.test_usage import PRICES, FakeAccount, account

__all__ = ["account"]

RECORD = {"inference_id": "chatcmpl-1", "cached": False, "latency_ms": 70, "policy_ms": 10}
RECORD |= {"queue_ms": 20, "first_token_ms": 15, "rest_ms": 25}
CACHED = {**RECORD, "inference_id": "chatcmpl-2", "cached": True, "latency_ms": 9}


def test_times_are_those_of_the_answer_s_record() -> None:
    replies = [Reply("chatcmpl-1", "はい"), Reply("chatcmpl-2", "はい", is_cached=True)]
    # A line may have arrived twice.
    records: list[dict[str, Any]] = [CACHED, RECORD, RECORD]
    first, again = (TimedAnswer.of(reply, records) for reply in replies)
    assert first.in_words() == "70 ms: 10 policy, 20 queue, 15 first token, 25 rest"
    assert sum(first.parts.values()) == first.latency_ms
    assert again.in_words() == "the same again: 9 ms, from the cache"


def ask(account: FakeAccount, *, settles: bool) -> None:
    ledger = Ledger(account.client("dynamodb"), "ledger", Billing(prices=PRICES))
    caller = Consumer(name="app")
    reservation = ledger.reserve("answer-1", caller, 100, "chat")
    if settles:
        ledger.settle(reservation, 10_000, 20)
        ledger.charge_cached(caller, 30, "chat")


def test_ledger_of_a_run(account: FakeAccount) -> None:
    ask(account, settles=True)
    [use] = read_ledger(account, has_prices=True)
    assert (use.consumer, use.used.tokens, use.num_reserved) == ("app", 10_020, 0)
    assert use.in_words() == (
        "app: 1 requests, 10000 prompt and 20 completion tokens; 1 more from the cache; 0 still "
        "reserved; 0.00 JPY"
    )
    assert use.as_dict()["amount"] == "0.00339" and use.as_dict()["cached_tokens"] == 30
    [unpriced] = read_ledger(account, has_prices=False)
    assert unpriced.in_words().endswith("no prices") and unpriced.as_dict()["amount"] is None


def test_what_stays_reserved_is_told(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_use, "SETTLED_SECONDS", 0.1)
    ask(account, settles=False)
    with pytest.raises(LoopFailed, match="1 reservations are open"):
        read_ledger(account, has_prices=True)


def test_nothing_was_used(account: FakeAccount) -> None:
    assert read_ledger(account, has_prices=True) == []
    assert ConsumerUse("a", Used(), "", 0).as_dict()["requests"] == 0
