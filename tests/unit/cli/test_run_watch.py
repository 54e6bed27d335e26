"""`meguru run`: what a person sees of a run that is interrupted, ends, or is not there."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from rich.console import Console

from cli.account import Account
from cli.run_progress import RunProgress, read_figures, words
from cli.run_view import MOST_FAILED_LOOKS, show_runs, watch
from cli.runs import end_of, find_run, newest_runs

START = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
JOB = "meguru-poc--text-0123456789ab"
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/meguru-poc--text/7"
LINE = (
    "step={} num_steps=40 loss=0.5 learning_rate=0.001 gradient_norm=1.25 cpu_percent=98.0 "
    "memory_percent=40.0 seconds=4 seconds_left=75.0 tokens_per_second=12345.6"
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Pages:
    def __init__(self, page: Callable[..., dict[str, Any]]) -> None:
        self._page = page

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        yield self._page(**asked)


class FakeAccount(Account):
    """One model's runs; the newest is played in moments, one for each look."""

    def __init__(self, moments: list[dict[str, Any]], names: tuple[str, ...] = ("run-1",)) -> None:
        super().__init__("poc", "http://127.0.0.1:9")
        self._moments, self._names = moments, names
        self.number = 0

    @property
    def moment(self) -> dict[str, Any]:
        return self._moments[min(self.number, len(self._moments) - 1)]

    def stacks(self) -> dict[str, dict[str, str]]:
        model = {
            "TrainAndRegisterArn": "arn:machine",
            "ModelName": "text",
            "EndpointName": "meguru-poc--text",
        }
        lake = {"ReleaseTable": "releases", "CurateDatasetArn": "arn:curate"}
        # A model's stack that is not made yet has no outputs, and hides no other.
        return {"Meguru-poc-Lake": lake, "Meguru-poc-Model-text": model, "Meguru-poc-Model-new": {}}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
        if ModelPackageName != PACKAGE:
            assert ModelPackageName in str(self.moment["release"])
            return {}
        return {"ModelApprovalStatus": "PendingManualApproval", **self.moment.get("package", {})}

    def get_item(self, **asked: Any) -> dict[str, Any]:
        assert asked["TableName"] == "releases"
        assert asked["Key"] == {"endpoint_name": {"S": "meguru-poc--text"}}
        return {"Item": self.moment["release"]} if "release" in self.moment else {}

    def client(self, service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Pages:
        return Pages(getattr(self, f"_{operation}"))

    def _list_executions(self, **asked: Any) -> dict[str, Any]:
        return {
            "executions": [
                {"name": name, "executionArn": f"arn:{name}", "startDate": at(60 * number)}
                | ({"stopDate": at(60 * number + 30)} if number else {})
                for number, name in enumerate(self._names)
            ]
        }

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        if error := self.moment.get("error"):
            raise error
        return {"status": "RUNNING", "executionArn": executionArn, **self.moment.get("end", {})}

    def _get_execution_history(self, **asked: Any) -> dict[str, Any]:
        assert asked["reverseOrder"]
        events = [
            {"id": number, "timestamp": at(number), **event}
            for number, event in enumerate(self.moment.get("events", []), start=1)
        ]
        return {"events": events[::-1]}

    def describe_training_job(self, **asked: str) -> dict[str, Any]:
        assert asked == {"TrainingJobName": JOB}
        given = self.moment.get("job", {})
        return {
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Training",
            "LastModifiedTime": at(1000),
            **given,
        }

    def _filter_log_events(self, **asked: Any) -> dict[str, Any]:
        assert asked["logStreamNamePrefix"] == f"{JOB}/"
        if "log" not in self.moment:
            error = {"Code": "ResourceNotFoundException", "Message": "no group"}
            raise ClientError({"Error": error}, "FilterLogEvents")
        events = [
            {"eventId": str(number), "timestamp": int(at(100 + number).timestamp() * 1000)}
            | {"message": message}
            for number, message in enumerate(self.moment["log"])
        ]
        return {"events": [one for one in events if one["timestamp"] >= asked["startTime"]]}


def entered(state: str) -> dict[str, Any]:
    return {"stateEnteredEventDetails": {"name": state}}


SUBMITTED = {
    "taskSubmittedEventDetails": {
        "resource": "createTrainingJob.sync",
        "output": json.dumps({"TrainingJobArn": f"arn:aws:sagemaker:r:1:training-job/{JOB}"}),
    }
}
TRAINS = [entered("NameRun"), entered("TrainModel"), SUBMITTED]
EVALUATED = {
    "taskSubmittedEventDetails": {
        "resource": "createProcessingJob.sync",
        "output": json.dumps({"ProcessingJobArn": "arn:aws:sagemaker:r:1:processing-job/judge-1"}),
    }
}
EVALUATES = [*TRAINS, entered("EvaluateModel"), EVALUATED]
RECLAIMED = {"Status": "Interrupted", "StartTime": at(130), "StatusMessage": "Spot was reclaimed"}
LOG = [LINE.format(10), "event=checkpoint step=10 seconds=0.1", LINE.format(20)]
AFTER = [*LOG, "event=resumed step=10", LINE.format(30)]
REGISTERED = {"status": "SUCCEEDED", "output": json.dumps({"model_package_arn": PACKAGE})}
MOMENTS: list[dict[str, Any]] = [
    {"events": TRAINS},
    {"events": TRAINS, "log": LOG},
    {"events": TRAINS, "log": LOG, "job": {"SecondaryStatusTransitions": [RECLAIMED]}},
    {"events": TRAINS, "log": AFTER, "job": {"SecondaryStatusTransitions": [RECLAIMED]}},
    {"events": EVALUATES, "job": {"TrainingJobStatus": "Completed"}},
    {"events": [*EVALUATES, entered("ModelRegistered")], "end": REGISTERED},
]


def watched(account: FakeAccount, *, is_terminal: bool = False) -> tuple[bool, str]:
    seen = io.StringIO()
    console = Console(file=seen, force_terminal=is_terminal, width=80)

    def pause(seconds: float) -> None:
        account.number += 1

    end = watch(RunProgress(account, find_run(account)), console, pause)
    return end.is_registered, seen.getvalue()


def test_plain_lines_of_a_run_that_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.run_view.SECONDS_BETWEEN_LINES", 0.0)
    is_registered, said = watched(FakeAccount(MOMENTS))
    assert is_registered
    assert [line.partition("  ")[2] or line for line in said.splitlines()[1:]] == [
        "Train model",
        f"Training job {JOB}",
        "step 20 of 40 · 0:01:15 left · loss 0.5 · rate 0.001 · gradient 1.25 · 12,346 tokens/s"
        " · CPU 98 % · memory 40 % · saved step 10",
        "Interrupted: Spot was reclaimed",
        "Resumed from step 10",
        "step 30 of 40 · 0:01:15 left · loss 0.5 · rate 0.001 · gradient 1.25 · 12,346 tokens/s"
        " · CPU 98 % · memory 40 % · saved step 10",
        "Evaluate model",
        "Processing job judge-1",
        "Training completed",
        "Registered as version 7 of meguru-poc--text: waits for a person to approve it",
    ]


SERVING = {"released_model_package_arn": {"S": PACKAGE}}
FAILED = {
    "released_model_package_arn": {"S": PACKAGE.replace("/7", "/6")},
    "failed_release": {"M": {"package": {"S": PACKAGE}}},
    "failed_because": {"S": "no capacity"},
}


@pytest.mark.parametrize(
    ("package", "release", "said"),
    [
        ({}, None, "waits for a person to approve it"),
        ({"ModelApprovalStatus": "Rejected"}, SERVING, "rejected"),
        ({"ModelApprovalStatus": "Rejected", "ApprovalDescription": "no"}, None, "rejected (no)"),
        ({"ModelApprovalStatus": "Approved"}, None, "approved, and is being released"),
        ({"ModelApprovalStatus": "Approved"}, SERVING, "approved, and serves"),
        (
            {"ModelApprovalStatus": "Approved"},
            {"released_model_package_arn": {"S": PACKAGE.replace("/7", "/12")}},
            "approved; version 12 serves",
        ),
        (
            {"ModelApprovalStatus": "Approved"},
            FAILED,
            "approved, and its release failed: no capacity",
        ),
    ],
)
def test_what_became_of_a_version_since(
    package: dict[str, str], release: dict[str, Any] | None, said: str
) -> None:
    moment = {"end": REGISTERED, "package": package}
    account = FakeAccount([moment if release is None else {**moment, "release": release}])
    end = end_of(account, find_run(account))
    assert end and end.said == f"registered as version 7 of meguru-poc--text: {said}"


def test_a_version_that_was_deleted_hides_no_run() -> None:
    class Deleted(FakeAccount):
        def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
            told = {"Code": "ValidationException", "Message": "does not exist"}
            raise ClientError({"Error": told}, "DescribeModelPackage")

    account = Deleted([{"end": REGISTERED}])
    end = end_of(account, find_run(account))
    assert end and end.said.endswith(": deleted from the registry since")


def test_few_lines_where_they_are_kept() -> None:
    _, said = watched(FakeAccount(MOMENTS))
    assert said.count("tokens/s") == 1


def test_a_bar_at_a_terminal() -> None:
    _, said = watched(FakeAccount(MOMENTS), is_terminal=True)
    assert "20/40" in said and "50 %" in said and "━" in said
    assert all(len(line) <= 80 for line in said.splitlines() if "tokens/s" in line)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (
            {"status": "FAILED", "error": "JobFailed", "cause": '{"FailureReason": "no\\nrow"}'},
            "Failed: no row (the execution arn:run-1)",
        ),
        (
            {"status": "SUCCEEDED", "output": json.dumps({"reasons": ["chrf 3 < 5", "b"]})},
            "Refused by the gate: chrf 3 < 5; b",
        ),
        ({"status": "ABORTED"}, "Failed: ABORTED (the execution arn:run-1)"),
    ],
)
def test_a_run_that_came_to_nothing(end: dict[str, str], said: str) -> None:
    is_registered, lines = watched(FakeAccount([{"end": end}]))
    assert not is_registered
    assert lines.splitlines()[1:] == [said]


def test_a_connection_that_breaks_for_a_moment() -> None:
    broken = {"error": EndpointConnectionError(endpoint_url="http://127.0.0.1:9")}
    is_registered, _ = watched(FakeAccount([*[broken] * (MOST_FAILED_LOOKS - 1), *MOMENTS]))
    assert is_registered


def test_what_can_not_be_asked_any_more() -> None:
    gone = {"error": EndpointConnectionError(endpoint_url="http://127.0.0.1:9")}
    with pytest.raises(EndpointConnectionError):
        watched(FakeAccount([MOMENTS[0], *[gone] * MOST_FAILED_LOOKS]))
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
    account = FakeAccount([{"error": ClientError(denied, "DescribeExecution")}])
    with pytest.raises(ClientError):
        watched(account)
    assert account.number == 0


def test_which_run_is_meant() -> None:
    account = FakeAccount([{}], ("ab-2", "ab-1", "ab"))
    # The first goes on; of the others the newest by its start.
    assert [run.name for run in newest_runs(account, 2)] == ["ab-2", "ab"]
    assert find_run(account).name == "ab-2"
    assert find_run(account, "ab").name == "ab"
    assert find_run(account, "ab-1").name == "ab-1"
    with pytest.raises(ValueError, match="2 runs begin with 'ab-'"):
        find_run(account, "ab-")
    with pytest.raises(ValueError, match="there is no run 'x': `meguru run list`"):
        find_run(account, "x")
    with pytest.raises(ValueError, match="there is no training run of 'poc' in the local cloud"):
        find_run(FakeAccount([{}], ()))


def test_a_list_for_a_program_and_for_a_person() -> None:
    plain, seen = io.StringIO(), io.StringIO()
    show_runs(FakeAccount([{}]), Console(file=plain, force_terminal=False), 5)
    [run, model, _, took, came_to] = plain.getvalue().rstrip("\n").split("\t")
    assert (run, model, took, came_to) == ("run-1", "text", "", "goes on")
    account = FakeAccount([{"end": REGISTERED}], ("a" * 32, "b"))
    show_runs(account, Console(file=seen, force_terminal=True, width=80), 5)
    assert "registered as version 7" in seen.getvalue() and "0:00:30" in seen.getvalue()
    none = io.StringIO()
    show_runs(FakeAccount([{}], ()), Console(file=none), 5)
    assert none.getvalue().startswith("No training run of 'poc' in the local cloud at")


def test_figures_and_states() -> None:
    assert read_figures("step=1 loss=nan event=x a= b=1e-5 word")["b"] == 1e-5
    assert words("TrainModel") == "Train model" and words("X") == "X"
