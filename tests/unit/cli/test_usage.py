"""The month's statement from the books of the ledger."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

from cli.account import Account
from cli.usage import Statement
from meguru.billing import Billing
from meguru.consumer import Consumer
from meguru.ledger import Ledger
from meguru.prices import Price
from tests.dynamodb_table import table_of

PRICES = {"chat": Price.read({"prompt": 0.15, "completion": 90, "cached": 3})}


class FakeAccount(Account):
    def __init__(self, client: Any) -> None:
        super().__init__("poc")
        self.outputs = {"LedgerTable": "ledger", "Currency": "JPY", "TimeZone": "Asia/Tokyo"}
        self._dynamodb = client

    def client(self, service: str) -> Any:
        return self._dynamodb


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAccount]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(**table_of("ledger", "counter", "month"))
        yield FakeAccount(client)


def use(account: FakeAccount, consumer: str, day: int, *, settles: bool = True) -> None:
    now = datetime(2026, 11, day, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
    ledger = Ledger(account.client("dynamodb"), "ledger", Billing(prices=PRICES), now.timestamp)
    caller = Consumer(name=consumer)
    reservation = ledger.reserve(f"{consumer}-{day}", caller, 100, "chat")
    if settles:
        ledger.settle(reservation, 10, 20)
        ledger.charge_cached(caller, 30, "chat")


def test_statement_has_a_row_for_each_day(account: FakeAccount) -> None:
    for consumer, day in (("b", 2), ("a, inc", 1), ("a, inc", 30)):
        use(account, consumer, day)
    file = io.StringIO()
    Statement(account, "2026-11").write_csv(file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert [(row["consumer"], row["day"]) for row in rows] == [
        ("a, inc", "2026-11-01"),
        ("a, inc", "2026-11-30"),
        ("b", "2026-11-02"),
    ]
    # 10 × 0.15 and 20 × 90, a part counting as a whole, and 30 × 3 from the cache.
    assert {(row["amount"], row["currency"]) for row in rows} == {("0.001892", "JPY")}
    assert {(row["prompt_tokens"], row["cached_tokens"]) for row in rows} == {("10", "30")}


def test_table_has_the_month(account: FakeAccount) -> None:
    use(account, "a", 1)
    use(account, "a", 2)
    use(account, "b", 2, settles=False)
    console = Console(file=io.StringIO(), width=200)
    statement = Statement(account, "2026-11")
    assert statement.by_model()["a", "chat"].completion_tokens == 40
    statement.show(console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "not yet among it: 1." in said and "a" in said


def test_nothing_was_used(account: FakeAccount) -> None:
    console = Console(file=io.StringIO())
    Statement(account, "2030-01").show(console)
    assert console.file.getvalue() == "Nothing was used in 2030-01.\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("month", ["2026", "2026-13", "November", "２０２６-11"])
def test_no_month(account: FakeAccount, month: str) -> None:
    with pytest.raises(ValueError, match="such as 2026-11"):
        Statement(account, month)
