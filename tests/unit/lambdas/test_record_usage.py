"""What model servers say settles what is open, and nothing else."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from lambdas.record_usage import handler as function
from meguru.billing import Billing
from meguru.consumer import Consumer
from meguru.ledger import Ledger
from meguru.usage_report import UsageReport, request_attributes, reservation_of


@pytest.fixture
def ledger(make_table: Callable[..., Any]) -> Iterator[Ledger]:
    make_table("ledger", "counter", index="month")
    function.ledger.cache_clear()
    yield Ledger(boto3.client("dynamodb"), "ledger", Billing())
    function.ledger.cache_clear()


def delivery(*lines: str) -> dict[str, Any]:
    events = [{"id": str(n), "timestamp": 0, "message": line} for n, line in enumerate(lines)]
    said = json.dumps({"messageType": "DATA_MESSAGE", "logEvents": events}).encode()
    return {"awslogs": {"data": base64.b64encode(gzip.compress(said)).decode()}}


def test_lines_settle_what_is_open(ledger: Ledger) -> None:
    lines, books = ["INFO event=usage of no interest"], set()
    for consumer in ("app", "経理"):
        for name, tokens in {"dead": 5, "settled": 7}.items():
            reserved = ledger.reserve(name, Consumer(name=consumer), 100, "chat")
            if name == "settled":
                ledger.settle(reserved, 1, 1)
            reservation = reservation_of(request_attributes(reserved.book, name))
            assert reservation is not None
            lines.append(UsageReport(reservation, tokens, tokens).line())
            books.add(reserved.book)
    lines.append("event=usage id=consumer%23absent%232026-11/x prompt_tokens=1 completion_tokens=1")
    for _ in range(2):
        function.handler(delivery(*lines), None)
    for key in books:
        book = ledger.read(key)
        assert (book.number("tokens"), book.open) == (12, ())
