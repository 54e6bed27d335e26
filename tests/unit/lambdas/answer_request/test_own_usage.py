"""What a consumer is told of its own usage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.answer_request.own_usage import OwnUsage
from meguru.api_errors import ApiError
from meguru.billing import Billing
from meguru.consumer import Consumer
from meguru.ledger_book import Book

# In Tokyo it is December already.
NOW = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
APP = Consumer(name="app", tokens_per_day=50, tokens_per_month=1000)
NUMBERS = {
    "tokens": 30,
    "tokens_01": 20,
    "01/chat/requests": 2,
    "01/chat/prompt_tokens": 8,
    "01/chat/amount": 1_500_000,
    "01/other/completion_tokens": 12,
    "02/chat/prompt_tokens": 10,
}


@pytest.fixture
def usage(ledger: Any) -> OwnUsage:
    ledger.book = Book("consumer#app#2026-12", "app", NUMBERS)
    return OwnUsage(ledger, Billing(currency="JPY"))


def test_by_day_and_model(usage: OwnUsage, ledger: Any) -> None:
    report = usage.report(APP, {}, NOW)
    assert (report["month"], report["consumer"], report["currency"]) == ("2026-12", "app", "JPY")
    found = [(one["day"], one["model"], one["prompt_tokens"]) for one in report["data"]]
    assert found == [
        ("2026-12-01", "chat", 8),
        ("2026-12-01", "other", 0),
        ("2026-12-02", "chat", 10),
    ]
    assert (report["data"][0]["requests"], report["data"][0]["amount"]) == (2, 1.5)
    assert (report["total"]["prompt_tokens"], report["total"]["completion_tokens"]) == (18, 12)
    assert ledger.calls == [("read", "consumer#app#2026-12")]


def test_what_is_left(usage: OwnUsage) -> None:
    day, month = usage.report(APP, {}, NOW)["limits"]
    assert (day["name"], day["limit"], day["remaining"]) == ("tokens_per_day", 50, 30)
    assert (month["name"], month["remaining"]) == ("tokens_per_month", 970)
    assert day["renewed"] == "2026-12-02T00:00:00+09:00"
    assert usage.report(APP, {"month": "2026-11"}, NOW)["limits"] == []


def test_of_one_model(usage: OwnUsage) -> None:
    report = usage.report(APP, {"model": "other", "month": "2026-12"}, NOW)
    assert [one["model"] for one in report["data"]] == ["other"]
    assert report["total"]["completion_tokens"] == 12


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"month": "2026-13"}, "month"),
        ({"month": "2026-1"}, "month"),
        ({"month": ""}, "month"),
        ({"month": "2026-12#x"}, "month"),
        ({"consumer": "other"}, "consumer"),
    ],
)
def test_wrong_questions(usage: OwnUsage, ledger: Any, asked: dict[str, str], param: str) -> None:
    with pytest.raises(ApiError) as refused:
        usage.report(APP, asked, NOW)
    assert (refused.value.status, refused.value.param) == (400, param)
    assert ledger.calls == []
