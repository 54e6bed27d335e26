"""Arrivals start curation once for a batch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.start_curation import handler as function


class AlreadyExists(Exception):
    pass


class FakeStepFunctions:
    class exceptions:  # noqa: N801
        ExecutionAlreadyExists = AlreadyExists

    def __init__(self) -> None:
        self.started: dict[str, Any] = {}

    def start_execution(self, **request: Any) -> None:
        if request["name"] in self.started:
            raise AlreadyExists
        self.started[request["name"]] = json.loads(request["input"])


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch, aws: None) -> FakeStepFunctions:
    fake = FakeStepFunctions()
    monkeypatch.setattr(function, "stepfunctions", lambda: fake)
    return fake


def batch(*names: str) -> dict[str, Any]:
    return {"Records": [{"messageId": name} for name in names]}


def test_same_batch_in_any_order_starts_once(states: FakeStepFunctions) -> None:
    for names in ("ab", "ba", "ab"):
        function.handler(batch(*names), None)
    assert list(states.started.values()) == [{"reason": "new_data"}]
    assert all(len(name) <= 80 for name in states.started)


def test_another_batch_starts_another(states: FakeStepFunctions) -> None:
    function.handler(batch("a"), None)
    function.handler(batch("a", "b"), None)
    assert len(states.started) == 2
