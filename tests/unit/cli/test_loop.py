"""Waiting for a training job that may be done, or fail, before there is anything to wait for."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.account import Account
from cli.loop import Loop, LoopFailed

JOB = {"TrainingJobName": "job-1", "CheckpointConfig": {"S3Uri": "s3://lake/checkpoints/job-1"}}


class FakeAccount(Account):
    """One training job, one execution, and the keys of a lake."""

    outputs = {  # noqa: RUF012
        "TrainAndRegisterArn": "arn:train",
        "ModelPackageGroup": "meguru-poc--a",
    }

    def __init__(
        self, job: dict[str, Any], keys: list[str], output: dict[str, Any] | None = None
    ) -> None:
        super().__init__("poc")
        self._job, self._keys, self._output = job, keys, output

    def client(self, service: str) -> Any:
        return self

    def list_objects_v2(self, **asked: str) -> dict[str, Any]:
        return {"Contents": [{"Key": key} for key in self._keys if key.startswith(asked["Prefix"])]}

    def describe_training_job(self, **asked: str) -> dict[str, Any]:
        return {"TrainingJobName": asked["TrainingJobName"], **self._job}

    def describe_execution(self, **asked: str) -> dict[str, Any]:
        return {"status": "SUCCEEDED", "output": json.dumps(self._output)}

    def list_training_jobs(self, **asked: str) -> dict[str, Any]:
        """The newest first, those of models whose names begin alike among them."""
        names = ("meguru-poc--a-b-0123456789ab", "meguru-poc--a-0123456789ab")
        assert all(asked["NameContains"] in name for name in names)
        return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in names]}

    def list_executions(self, **asked: str) -> dict[str, Any]:
        return {"executions": []}


def test_a_checkpoint_is_there() -> None:
    keys = ["checkpoints/job-1/step-20/model.safetensors"]
    assert Loop(FakeAccount({"TrainingJobStatus": "InProgress"}, keys)).wait_for_checkpoint(JOB)


def test_a_job_that_is_done_before_its_first_checkpoint() -> None:
    keys = ["checkpoints/job-10/step-20/model.safetensors"]
    account = FakeAccount({"TrainingJobStatus": "Completed"}, keys)
    assert Loop(account).wait_for_checkpoint(JOB) is False


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_fails_says_why(status: str) -> None:
    account = FakeAccount({"TrainingJobStatus": status, "FailureReason": "no memory"}, [])
    with pytest.raises(LoopFailed, match=f"job-1 is {status}: no memory"):
        Loop(account).wait_for_checkpoint(JOB)


def test_a_job_that_goes_on_without_a_checkpoint() -> None:
    account = FakeAccount({"TrainingJobStatus": "InProgress"}, [])
    with pytest.raises(LoopFailed, match="waited 0 seconds for a checkpoint"):
        Loop(account, timeout_seconds=0.3).wait_for_checkpoint(JOB)


def test_a_refused_model_is_told_with_its_reasons() -> None:
    reasons = ["exact_match is 0.2, below the threshold 0.5"]
    with pytest.raises(LoopFailed, match="refused the model: exact_match is") as refused:
        Loop(FakeAccount({}, [], {"reasons": reasons, "metrics": {}})).registered("arn:one")
    assert reasons[0] in str(refused.value)
    registered = {"model_package_arn": "arn:p", "metrics": {}}
    assert Loop(FakeAccount({}, [], registered)).registered("arn:one") == registered


def test_another_model_s_training_job_is_not_taken_for_the_model_s() -> None:
    account = FakeAccount({"InputDataConfig": [{"DataSource": "s3://lake/datasets/text/v1/"}]}, [])
    assert Loop(account).training_job("v1")["TrainingJobName"] == "meguru-poc--a-0123456789ab"


class FailingAccount(FakeAccount):
    """Its clock is not this machine's; an execution has failed, and another one does."""

    def __init__(self, stopped_at: datetime, fails_at_look: int) -> None:
        super().__init__({"TrainingJobStatus": "InProgress"}, [])
        self._stopped_at, self._fails_at_look, self._num_looks = stopped_at, fails_at_look, 0

    def list_objects_v2(self, **asked: str) -> dict[str, Any]:
        self._num_looks += 1
        return {}

    def list_executions(self, **asked: str) -> dict[str, Any]:
        if asked["statusFilter"] != "FAILED":
            return {"executions": []}
        names = ["earlier", *(["mine"] if self._num_looks >= self._fails_at_look else [])]
        return {
            "executions": [{"executionArn": one, "stopDate": self._stopped_at} for one in names]
        }

    def describe_execution(self, **asked: str) -> dict[str, Any]:
        return {"status": "FAILED", "error": "X", "cause": "broke", **asked}


@pytest.mark.parametrize("hours", [-24, 0, 24])
def test_a_failure_ends_a_wait_whatever_the_account_s_clock_says(hours: int) -> None:
    account = FailingAccount(datetime.now(UTC) + timedelta(hours=hours), fails_at_look=2)
    with pytest.raises(LoopFailed, match="mine"):
        Loop(account, timeout_seconds=5).wait_for_checkpoint(JOB)


@pytest.mark.parametrize("hours", [-24, 24])
def test_what_failed_before_a_wait_does_not_end_it(hours: int) -> None:
    account = FailingAccount(datetime.now(UTC) + timedelta(hours=hours), fails_at_look=1000)
    with pytest.raises(LoopFailed, match="waited 0 seconds for a checkpoint"):
        Loop(account, timeout_seconds=0.3).wait_for_checkpoint(JOB)


class CuratingAccount(FakeAccount):
    """Curation publishes twice in one execution, and is looked at between."""

    outputs = {"CurateDatasetArn": "arn:curate", "LakeBucket": "lake"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__({}, [])
        self.num_looks = 0

    def list_executions(self, **asked: str) -> dict[str, Any]:
        is_running = asked["statusFilter"] == "RUNNING" and self.num_looks == 0
        self.num_looks += asked["statusFilter"] == "RUNNING"
        return {"executions": [{"executionArn": "arn"}] if is_running else []}

    def get_object(self, **asked: str) -> dict[str, Any]:
        version = "first" if self.num_looks == 0 else "second"
        return {"Body": io.BytesIO(json.dumps({"version": version}).encode())}

    class exceptions:  # noqa: N801
        NoSuchKey = KeyError


def test_a_version_that_curation_is_about_to_replace_is_not_taken() -> None:
    assert Loop(CuratingAccount()).dataset_version() == "second"
