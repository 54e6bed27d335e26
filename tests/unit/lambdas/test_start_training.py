"""A training starts where rows changed that the model was not tried on, one at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from lambdas.start_training import handler as function
from meguru.names import training_claim, tried_rows
from meguru.run_claim import RunClaim
from tests.unit.meguru.test_run_claim import MACHINE, FakeStepFunctions

MODEL = "meguru-poc--text"


class FakeEvents:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def put_events(self, **request: Any) -> None:
        self.told += request["Entries"]


class Situation:
    """The lake, the model's runs, and what a person is told."""

    def __init__(self, table: Any) -> None:
        self.table, self.states, self.events = table, FakeStepFunctions(), FakeEvents()
        self.claim = RunClaim(table, self.states, MACHINE, training_claim(MODEL))
        self.s3 = boto3.client("s3")

    def publish(self, version: str, rows: str | None, num_records: int = 1) -> None:
        manifest = {"num_records": num_records, **({"rows": rows} if rows else {})}
        for key, value in (
            (f"datasets/text/{version}/manifest.json", manifest),
            ("datasets/text/HEAD", {"version": version, "reason": "feedback"}),
        ):
            self.s3.put_object(Bucket="lake", Key=key, Body=json.dumps(value).encode())

    def end(self, status: str, tried: str | None = None, code: str = "") -> None:
        """End what runs, with an outcome for these rows."""
        if tried:
            name = tried_rows(MODEL, tried, code)
            self.table.put_item(Item={"name": name, "outcome": "refused"})
        self.states.end(status)

    def look(self, look: str) -> int:
        """Look; how many runs there have been by now."""
        function.handler({"look": look}, None)
        return len(self.states.status)

    @property
    def inputs(self) -> list[dict[str, Any]]:
        return [json.loads(text)["detail"] for text in self.states.inputs.values()]


@pytest.fixture
def now(make_table: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Situation:
    situation = Situation(make_table("loop", "name"))
    monkeypatch.setattr(function, "claim", lambda: situation.claim)
    monkeypatch.setattr(function, "table", lambda: situation.table)
    monkeypatch.setattr(function, "events", lambda: situation.events)
    monkeypatch.setenv("MODEL", MODEL)
    monkeypatch.setenv("MAX_RUNS_PER_DAY", "2")
    return situation


def yesterday(now: Situation) -> None:
    now.claim.change(now.claim.read(), {"runs_on": "2026-01-01"})


def test_without_a_version_or_without_records_nothing_starts(now: Situation) -> None:
    assert now.look("curated") == 0
    now.publish("v1", "r1", num_records=0)
    assert now.look("curated") == 0


def test_new_rows_start_a_training_that_knows_them(now: Situation) -> None:
    now.publish("v1", "r1")
    assert now.look("curated") == 1
    assert now.inputs == [{"version": "v1", "rows": "r1", "reason": "feedback", "dataset": "text"}]


def test_a_repeated_event_starts_nothing(now: Situation) -> None:
    now.publish("v1", "r1")
    assert [now.look("curated") for _ in range(3)] == [1, 1, 1]
    now.end("SUCCEEDED", tried="r1")
    assert [now.look(look) for look in ("ended", "curated", "clock")] == [1, 1, 1]


def test_another_version_of_the_same_rows_starts_nothing(now: Situation) -> None:
    now.publish("v1", "r1")
    now.look("curated")
    now.end("SUCCEEDED", tried="r1")
    now.publish("v2", "r1")
    assert now.look("curated") == 1


def test_rows_that_come_back_have_a_model(now: Situation) -> None:
    for version, rows in (("v1", "r1"), ("v2", "r2"), ("v3", "r1")):
        now.publish(version, rows)
        started = now.look("curated")
        now.end("SUCCEEDED", tried=rows)
    assert started == 2


def test_what_changed_during_a_run_is_taken_up_when_it_ends(now: Situation) -> None:
    now.publish("v1", "r1")
    now.look("curated")
    now.publish("v2", "r2")
    assert now.look("curated") == 1
    now.end("SUCCEEDED", tried="r1")
    assert now.look("ended") == 2
    assert [one["version"] for one in now.inputs] == ["v1", "v2"]


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_what_failed_is_taken_up_again_but_not_by_its_own_end(now: Situation, status: str) -> None:
    now.publish("v1", "r1")
    now.look("curated")
    now.end(status)
    assert now.look("ended") == 1
    assert now.look("clock") == 1
    assert now.look("curated") == 2


def test_the_clock_takes_up_what_failed_on_another_day(now: Situation) -> None:
    now.publish("v1", "r1")
    now.look("curated")
    now.end("FAILED")
    yesterday(now)
    assert now.look("clock") == 2


def test_a_redriven_run_has_its_turn(now: Situation) -> None:
    now.publish("v1", "r1")
    now.look("curated")
    now.end("FAILED")
    now.states.status = dict.fromkeys(now.states.status, "RUNNING")
    assert now.look("curated") == 1


def test_more_runs_than_a_day_may_have_wait_and_a_person_is_told_once(now: Situation) -> None:
    for number in range(4):
        now.publish(f"v{number}", f"r{number}")
        now.look("curated")
        now.end("SUCCEEDED", tried=f"r{number}")
    assert now.look("clock") == 2
    [told] = now.events.told
    assert told["DetailType"] == "Training Put Off" and told["Source"] == "meguru.poc"
    assert json.loads(told["Detail"])["dataset_version"] == "v2"
    yesterday(now)
    # The last two of the versions were marked as tried, by a person's run perhaps.
    now.publish("v9", "r9")
    assert now.look("clock") == 3


def test_a_version_that_a_person_had_trained_is_tried(now: Situation) -> None:
    now.publish("v1", "r1")
    now.end("SUCCEEDED", tried="v1")
    assert now.look("clock") == 0


def test_a_version_without_a_fingerprint_stands_for_its_rows(now: Situation) -> None:
    now.publish("v1", None)
    assert now.look("curated") == 1
    assert now.inputs[0]["rows"] == "v1"


def test_an_outcome_kept_between_two_looks_is_seen(
    now: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends while the function looks: what it was tried on is read after that."""
    now.publish("v1", "r1")
    now.look("curated")
    describe = now.states.describe_execution

    def end_first(**request: str) -> dict[str, str]:
        now.end("SUCCEEDED", tried="r1")
        return describe(**request)

    monkeypatch.setattr(now.states, "describe_execution", end_first)
    assert now.look("clock") == 1


@pytest.fixture
def deploy(now: Situation, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Deploys this code of the training, and looks as whoever deploys does."""

    def deploy(code: str) -> int:
        monkeypatch.setenv("TRAINING_CODE", code)
        return now.look("commit")

    return deploy


def test_other_code_is_tried_on_the_same_rows(now: Situation, deploy: Callable[[str], int]) -> None:
    now.publish("v1", "r1")
    assert deploy("c1") == 1
    now.end("SUCCEEDED", tried="r1", code="c1")
    assert deploy("c2") == 2
    assert [one["reason"] for one in now.inputs] == ["feedback", "commit"]
    assert [one["version"] for one in now.inputs] == ["v1", "v1"]


def test_a_commit_that_changes_nothing_of_it_starts_nothing(
    now: Situation, deploy: Callable[[str], int]
) -> None:
    now.publish("v1", "r1")
    deploy("c1")
    now.end("SUCCEEDED", tried="r1", code="c1")
    assert deploy("c1") == 1
    assert now.look("clock") == 1


def test_code_that_comes_back_has_its_model(now: Situation, deploy: Callable[[str], int]) -> None:
    now.publish("v1", "r1")
    for code in ("c1", "c2", "c1"):
        started = deploy(code)
        now.end("SUCCEEDED", tried="r1", code=code)
    assert started == 2


def test_code_that_failed_is_not_tried_again_by_the_next_commit(
    now: Situation, deploy: Callable[[str], int]
) -> None:
    now.publish("v1", "r1")
    deploy("c1")
    now.end("FAILED")
    assert deploy("c1") == 1
    assert deploy("c2") == 2


def test_code_deployed_during_a_run_is_taken_up_when_it_ends(
    now: Situation, deploy: Callable[[str], int]
) -> None:
    now.publish("v1", "r1")
    deploy("c1")
    assert deploy("c2") == 1
    now.end("SUCCEEDED", tried="r1", code="c1")
    assert now.look("ended") == 2


def test_without_the_rule_a_commit_starts_nothing(now: Situation) -> None:
    now.publish("v1", "r1")
    now.look("curated")
    now.end("SUCCEEDED", tried="r1")
    assert now.look("commit") == 1
