"""One execution at a time, whatever dies or comes twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto import mock_aws

from meguru import run_claim
from meguru.run_claim import RunClaim

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:curate"


class DoesNotExist(Exception):
    pass


class AlreadyExists(Exception):
    pass


class FakeStepFunctions:
    """Executions by name; one of the same name and input that runs is started once."""

    class exceptions:  # noqa: N801
        ExecutionDoesNotExist = DoesNotExist
        ExecutionAlreadyExists = AlreadyExists

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.inputs: dict[str, str] = {}
        self.is_down = False

    def start_execution(self, **request: Any) -> None:
        if self.is_down:
            raise ConnectionError("the function dies here")
        run = f"{request['stateMachineArn'].replace('stateMachine', 'execution')}:{request['name']}"
        known = run in self.status
        if known and (self.status[run], self.inputs[run]) != ("RUNNING", request["input"]):
            raise AlreadyExists
        self.status[run], self.inputs[run] = "RUNNING", request["input"]

    def describe_execution(self, **request: str) -> dict[str, str]:
        if request["executionArn"] not in self.status:
            raise DoesNotExist
        return {"status": self.status[request["executionArn"]]}

    def end(self, status: str) -> None:
        """End what runs."""
        self.status = {run: status if s == "RUNNING" else s for run, s in self.status.items()}


class AtomicTable:
    """A table whose writes are done one after another, as DynamoDB's: moto checks, then writes."""

    def __init__(self, table: Any) -> None:
        self._table, self._lock = table, threading.Lock()

    def update_item(self, **request: Any) -> Any:
        with self._lock:
            return self._table.update_item(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


@pytest.fixture
def states() -> FakeStepFunctions:
    return FakeStepFunctions()


@pytest.fixture
def claim(states: FakeStepFunctions, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        table = boto3.resource("dynamodb", region_name="us-east-1").create_table(
            TableName="loop",
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield RunClaim(AtomicTable(table), states, MACHINE, "curation#text")


def look(claim: RunClaim, reason: str = "new_data") -> bool:
    item = claim.request(reason)
    return not claim.is_taken(item) and claim.take(item, {"reason": reason})


def test_many_looks_start_one_execution(claim: RunClaim, states: FakeStepFunctions) -> None:
    assert [look(claim) for _ in range(5)] == [True, False, False, False, False]
    assert len(states.status) == 1
    assert claim.read()["requests"] == 5


def test_looks_at_the_same_time_start_one_execution(
    claim: RunClaim, states: FakeStepFunctions
) -> None:
    together = threading.Barrier(8)

    def one(_: int) -> bool:
        item = claim.request("new_data")
        together.wait()
        return not claim.is_taken(item) and claim.take(item, {"reason": "new_data"})

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 1
    assert len(states.status) == 1


def test_a_claim_whose_owner_died_before_the_start_is_started(
    claim: RunClaim, states: FakeStepFunctions
) -> None:
    states.is_down = True
    with pytest.raises(ConnectionError):
        look(claim, "first")
    states.is_down = False
    assert not look(claim, "second")
    assert list(states.inputs.values()) == ['{"reason": "first"}']
    assert list(states.status) == [claim.read()["claimed_by"]]


def test_who_starts_it_second_starts_nothing(claim: RunClaim, states: FakeStepFunctions) -> None:
    """Between the claim and the start of one, another looks."""
    start = states.start_execution

    def start_after_another(**request: Any) -> None:
        states.start_execution = start  # type: ignore[method-assign]
        assert not look(claim)
        states.end("SUCCEEDED")
        start(**request)

    states.start_execution = start_after_another  # type: ignore[method-assign]
    assert look(claim)
    assert list(states.status.values()) == ["SUCCEEDED"]


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"])
def test_what_has_ended_holds_nobody_up(
    claim: RunClaim, states: FakeStepFunctions, status: str
) -> None:
    look(claim)
    states.end(status)
    assert look(claim)
    assert len(states.status) == 2


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_what_is_redriven_has_its_turn_still(
    claim: RunClaim, states: FakeStepFunctions, status: str
) -> None:
    look(claim)
    states.end("FAILED")
    states.status = dict.fromkeys(states.status, status)
    assert not look(claim)


def test_an_execution_that_is_long_over_is_not_begun_again(
    claim: RunClaim, states: FakeStepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(claim, "first")
    states.status.clear()
    monkeypatch.setattr(run_claim, "MEMORY_SECONDS", -1)
    assert look(claim, "second")
    [run] = states.status
    assert states.inputs[run] == '{"reason": "second"}'


def test_a_change_is_refused_to_who_has_read_an_older_item(claim: RunClaim) -> None:
    before = claim.read()
    assert look(claim)
    assert not claim.change(before, {"put_off_on": "today"})
    assert claim.change(claim.read(), {"put_off_on": "today"})
