"""What asks for curation is counted, and one execution is at it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.start_curation import handler as function
from meguru.names import CURATION_CLAIM
from meguru.run_claim import RunClaim
from tests.unit.meguru.test_run_claim import MACHINE, FakeStepFunctions


@pytest.fixture
def states() -> FakeStepFunctions:
    return FakeStepFunctions()


@pytest.fixture
def claim(
    make_table: Callable[..., Any], states: FakeStepFunctions, monkeypatch: pytest.MonkeyPatch
) -> RunClaim:
    claim = RunClaim(make_table("loop", "name"), states, MACHINE, CURATION_CLAIM)
    monkeypatch.setattr(function, "claim", lambda: claim)
    return claim


def batch(*looks: str) -> dict[str, Any]:
    """Messages of these looks; `object` is an event of S3."""
    bodies = [{"detail-type": "Object Created"} if x == "object" else {"look": x} for x in looks]
    return {"Records": [{"body": json.dumps(body)} for body in bodies]}


def test_five_batches_start_one_execution(claim: RunClaim, states: FakeStepFunctions) -> None:
    for _ in range(5):
        function.handler(batch("object", "object"), None)
    assert [json.loads(text) for text in states.inputs.values()] == [
        {"reason": "new_data", "requests": 1}
    ]
    assert claim.read()["requests"] == 5


def test_the_reason_goes_along(claim: RunClaim, states: FakeStepFunctions) -> None:
    function.handler(batch("clock", "feedback"), None)
    [text] = states.inputs.values()
    assert json.loads(text)["reason"] == "feedback"


def test_the_clock_asks_for_nothing_new(claim: RunClaim, states: FakeStepFunctions) -> None:
    function.handler(batch("clock"), None)
    assert claim.read() == {} and states.status == {}


def test_the_clock_takes_up_what_has_failed(claim: RunClaim, states: FakeStepFunctions) -> None:
    function.handler(batch("object"), None)
    function.handler(batch("clock"), None)
    assert len(states.status) == 1
    states.end("FAILED")
    function.handler(batch("clock"), None)
    assert [json.loads(text)["reason"] for text in states.inputs.values()] == ["new_data", "retry"]


def test_the_clock_that_comes_between_an_asker_and_its_turn_gives_the_asker_s_reason(
    claim: RunClaim, states: FakeStepFunctions
) -> None:
    claim.request("quality")
    function.handler(batch("clock"), None)
    assert [json.loads(text)["reason"] for text in states.inputs.values()] == ["quality"]


def test_the_clock_leaves_what_is_curated(claim: RunClaim, states: FakeStepFunctions) -> None:
    function.handler(batch("object"), None)
    states.end("SUCCEEDED")
    claim.change(claim.read(), {"curated": 1})
    function.handler(batch("clock"), None)
    assert len(states.status) == 1
