"""A job is stopped that was reclaimed as often as it says it may be, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.limit_reclaims import handler as function

JOB = "meguru-e--a-0123456789ab"
INTERRUPTED_TWICE = ["Starting", "Training", "Interrupted", "Starting", "Training", "Interrupted"]


class FakeSageMaker:
    """A SageMaker with one job."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.stopped: list[str] = []

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803
        return {"TrainingJobName": TrainingJobName, "TrainingJobStatus": "InProgress", **self.job}

    def stop_training_job(self, TrainingJobName: str) -> None:  # noqa: N803
        self.stopped.append(TrainingJobName)


def stopped(monkeypatch: pytest.MonkeyPatch, **job: Any) -> list[str]:
    fake = FakeSageMaker(job)
    monkeypatch.setattr(function, "sagemaker", lambda: fake)
    function.handler({"detail": {"TrainingJobName": JOB, "SecondaryStatus": "Starting"}}, None)
    return fake.stopped


def transitions(statuses: list[str]) -> list[dict[str, str]]:
    return [{"Status": status} for status in statuses]


def test_the_last_reclaim_that_is_allowed_stops_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = transitions(INTERRUPTED_TWICE)
    said = {"Environment": {"MAX_INTERRUPTIONS": "2"}, "SecondaryStatusTransitions": twice}
    assert stopped(monkeypatch, **said) == [JOB]
    # The same change is told twice.
    assert stopped(monkeypatch, **said, TrainingJobStatus="Stopping") == []


@pytest.mark.parametrize(
    ("environment", "statuses"),
    [
        ({"MAX_INTERRUPTIONS": "3"}, INTERRUPTED_TWICE),
        ({"MAX_INTERRUPTIONS": "1"}, ["Starting", "Training"]),
        ({}, INTERRUPTED_TWICE * 9),
    ],
)
def test_others_go_on(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], statuses: list[str]
) -> None:
    said = {"Environment": environment, "SecondaryStatusTransitions": transitions(statuses)}
    assert stopped(monkeypatch, **said) == []
