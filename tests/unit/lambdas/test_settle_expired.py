"""The clock ends what dead workers left open, in every book, and measures the budget."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.settle_expired import handler as function
from meguru.billing import Billing
from meguru.consumer import Consumer
from meguru.ledger import LIFETIME_SECONDS, Ledger

# Of the model meguru-text in what the function is told.
GROUP = "/aws/sagemaker/Endpoints/text"


@pytest.fixture
def client(make_table: Callable[..., Any]) -> Iterator[Any]:
    make_table("ledger", "counter", index="month")
    boto3.client("logs").create_log_group(logGroupName=GROUP)
    cached = (function.billing, function.ledger, function.dynamodb, function.endpoint_logs)
    for one in cached:
        one.cache_clear()
    yield boto3.client("dynamodb")
    for one in cached:
        one.cache_clear()


def reserve(client: Any, consumer: str, *, seconds_ago: int) -> str:
    """A reservation of 10 tokens by a worker that is dead; the key of its book."""
    clock = time.time() - seconds_ago
    billing = Billing.from_json(os.environ["BILLING"])
    ledger = Ledger(client, "ledger", billing, lambda: clock)
    return ledger.reserve(f"r-{consumer}", Consumer(name=consumer), 10, "chat").book


def used_percent(output: str) -> list[float]:
    lines = [json.loads(line) for line in output.splitlines() if "BudgetUsedPercent" in line]
    return [value for line in lines for value in line["BudgetUsedPercent"]]


def test_every_book_is_looked_at(
    client: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dead, alive = LIFETIME_SECONDS + 1, LIFETIME_SECONDS - 60
    books = [reserve(client, name, seconds_ago=dead) for name in "abc"]
    living = reserve(client, "d", seconds_ago=alive)
    settle = Ledger.settle_expired

    def failing(self: Ledger, book: Any, heard: Any) -> int:
        if book.key == books[1]:
            raise ClientError({"Error": {"Code": "Throttling"}}, "UpdateItem")
        return settle(self, book, heard)

    monkeypatch.setattr(Ledger, "settle_expired", failing)
    with pytest.raises(ClientError):
        function.handler({}, None)
    ledger = function.ledger()
    assert [len(ledger.read(key).open) for key in [*books, living]] == [0, 1, 0, 1]
    ((_, _, used),) = ledger.read(books[0]).used()
    assert used.unconfirmed_tokens == 10
    # 4 × 10 tokens at the dearer price, of 100,000 millionths; of 10,000 tokens it is less.
    assert used_percent(capsys.readouterr().out) == [3.6]


def test_without_a_budget_nothing_is_measured(
    client: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BILLING", Billing().as_json())
    function.handler({}, None)
    assert used_percent(capsys.readouterr().out) == []
