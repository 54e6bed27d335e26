"""Whose turn it is: one execution at a time, and no question that is overlooked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.plan_release.approvals import Seen
from lambdas.plan_release.release_record import ReleaseRecord


class FakeExecutions:
    """Step Functions: executions that run, and those that have ended in some way."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.before_answering: Callable[[], object] | None = None

    def describe_execution(self, **request: str) -> dict[str, str]:
        if self.before_answering:
            self.before_answering()
        run = request["executionArn"]
        if run not in self.status:
            said = {"Error": {"Code": "ExecutionDoesNotExist", "Message": run}}
            raise ClientError(said, "DescribeExecution")
        return {"status": self.status[run]}


@pytest.fixture
def states() -> FakeExecutions:
    return FakeExecutions()


@pytest.fixture
def table(make_table: Callable[..., Any]) -> Any:
    return make_table("releases", "endpoint_name")


@pytest.fixture
def record(table: Any, states: FakeExecutions) -> Callable[[str], ReleaseRecord]:
    def make(run: str, status: str = "RUNNING") -> ReleaseRecord:
        states.status[run] = status
        return ReleaseRecord(table, states, "text", run)

    return make


def give_back(table: Any, run: str, looks: int) -> bool:
    """What the workflow does where nothing is left to do; whether it was taken."""
    try:
        table.update_item(
            Key={"endpoint_name": "text"},
            UpdateExpression="REMOVE claimed_by",
            ConditionExpression="claimed_by = :run AND looks = :looks",
            ExpressionAttributeValues={":run": run, ":looks": looks},
        )
    except ClientError:
        return False
    return True


def test_a_free_claim_is_taken_and_kept(record: Callable[..., ReleaseRecord]) -> None:
    one = record("one")
    row = {"endpoint_name": "text", "claimed_by": "one", "looks": 0}
    assert one.take_claim() == row
    assert one.take_claim() == row


def test_who_comes_second_asks_and_is_answered(
    record: Callable[..., ReleaseRecord], table: Any
) -> None:
    one, two = record("one"), record("two")
    first = one.take_claim()
    assert first is not None
    assert two.take_claim() is None
    assert two.ask() is None
    assert not give_back(table, "one", first["looks"]), "the question would be overlooked"
    second = one.take_claim()
    assert second is not None
    assert give_back(table, "one", second["looks"])


@pytest.mark.parametrize("status", ["FAILED", "ABORTED", "TIMED_OUT", "SUCCEEDED"])
def test_a_dead_holder_s_claim_is_taken_over_at_once(
    record: Callable[..., ReleaseRecord], states: FakeExecutions, status: str
) -> None:
    assert record("one").take_claim() is not None
    states.status["one"] = status
    taken = record("two").take_claim()
    assert taken is not None
    assert taken["claimed_by"] == "two"


def test_a_holder_that_is_long_forgotten_is_dead(
    record: Callable[..., ReleaseRecord], states: FakeExecutions
) -> None:
    assert record("one").take_claim() is not None
    del states.status["one"]
    assert record("two").take_claim() is not None


def test_a_holder_that_waits_for_its_redrive_is_alive(
    record: Callable[..., ReleaseRecord], states: FakeExecutions
) -> None:
    assert record("one").take_claim() is not None
    states.status["one"] = "PENDING_REDRIVE"
    assert record("two").take_claim() is None


def test_a_claim_that_is_given_back_while_its_holder_is_looked_at_is_taken(
    record: Callable[..., ReleaseRecord], states: FakeExecutions, table: Any
) -> None:
    assert record("one").take_claim() is not None
    two = record("two")
    states.before_answering = partial(give_back, table, "one", 0)
    assert two.take_claim() is not None


def test_of_two_who_take_over_one_gets_it(
    record: Callable[..., ReleaseRecord], states: FakeExecutions
) -> None:
    assert record("one").take_claim() is not None
    states.status["one"] = "ABORTED"
    two, three = record("two"), record("three")

    def overtake() -> None:
        states.before_answering = None
        assert three.take_claim() is not None

    states.before_answering = overtake
    assert two.take_claim() is None


def test_who_was_displaced_changes_nothing(
    record: Callable[..., ReleaseRecord], states: FakeExecutions, table: Any
) -> None:
    one = record("one")
    assert one.take_claim() is not None
    assert one.forget_scaling()
    states.status["one"] = "ABORTED"
    record("two").take_claim()
    states.status["two"] = "RUNNING"
    assert one.take_claim() is None
    assert not one.forget_scaling()


def test_what_is_seen_at_the_same_time_is_all_kept(
    record: Callable[..., ReleaseRecord], table: Any
) -> None:
    """The second one has looked earlier and keeps later: it has to look once more."""
    compared = []

    def look(seen: Seen) -> Seen:
        compared.append(sorted(seen))
        if len(compared) == 1:
            record("two").notice(lambda seen: {**seen, "b": {"approved_at": "2"}})
        return {**seen, "a": {"approved_at": "1"}}

    assert sorted(record("one").notice(look)) == ["a", "b"]
    assert compared == [[], ["b"]]
    assert sorted(table.get_item(Key={"endpoint_name": "text"})["Item"]["approved"]) == ["a", "b"]


def test_what_the_table_refuses_otherwise_is_an_error(
    states: FakeExecutions, make_table: Callable[..., Any]
) -> None:
    other = make_table("others", "id")
    with pytest.raises(ClientError, match="ValidationException"):
        ReleaseRecord(other, states, "text", "one").take_claim()
