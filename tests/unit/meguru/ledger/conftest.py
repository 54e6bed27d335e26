"""A ledger over moto's DynamoDB, on a clock that a test sets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import botocore.session
import pytest
from botocore.loaders import Loader
from moto import mock_aws

from meguru.billing import Billing
from meguru.consumer import Consumer
from meguru.ledger import Ledger
from tests.dynamodb_table import table_of

TABLE = "ledger"
TOKYO = ZoneInfo("Asia/Tokyo")


class Clock:
    def __init__(self, moment: str) -> None:
        self.set(moment)

    def set(self, moment: str) -> None:
        """A wall clock's time in Tokyo."""
        self.seconds = datetime.fromisoformat(moment).replace(tzinfo=TOKYO).timestamp()

    def __call__(self) -> float:
        return self.seconds


class Database:
    """DynamoDB's client, whose writes come one after another, as there; moto's do not.

    It keeps what was asked, and asks again, as a client does, where an answer is `lost`.
    """

    def __init__(self, client: Any) -> None:
        self._client, self._lock = client, threading.Lock()
        self.num_writes, self.lost = 0, 0

    def update_item(self, **request: Any) -> Any:
        with self._lock:
            self.num_writes += 1
            answer = self._client.update_item(**request)
            if self.lost:
                self.lost -= 1
                return self._client.update_item(**request)
            return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-11-27T12:00:10")


@pytest.fixture(scope="session")
def service_models() -> Loader:
    """AWS's service models, read once: that takes longer than all the rest of a test."""
    loader: Loader = botocore.session.Session().get_component("data_loader")
    return loader


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, service_models: Loader) -> Iterator[Database]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        session = botocore.session.Session()
        session.register_component("data_loader", service_models)
        client = session.create_client("dynamodb", region_name="us-east-1")
        client.create_table(**table_of(TABLE, "counter", "month"))
        yield Database(client)


@pytest.fixture
def make_ledger(database: Database, clock: Clock) -> Callable[..., Ledger]:
    def make(**billing: Any) -> Ledger:
        return Ledger(database, TABLE, Billing(**billing), clock)

    return make


@pytest.fixture
def make_consumer() -> Callable[..., Consumer]:
    def make(name: str = "app", **limits: Any) -> Consumer:
        return Consumer(name=name, **limits)

    return make
