"""Runs that get no instances, or lose them: each goes on elsewhere, and stops no other model's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.loop_cloud import SECOND_MODEL, LoopCloud, loop_cloud
from tests.e2e.quick_loop import with_quick_jobs

INSTANCE_TYPE = "ml.m5.large"
VERSION = "0" * 64


@pytest.fixture(scope="module")
def cloud(trial_assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopCloud]:
    folder = tmp_path_factory.mktemp("instances")
    with loop_cloud(with_quick_jobs(trial_assembly, folder), folder / "log") as cloud:
        bucket, key = cloud.outputs["LakeBucket"], f"datasets/text/{VERSION}/manifest.json"
        cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
        yield cloud


def start(cloud: LoopCloud, version: str = VERSION) -> str:
    run: str = cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.outputs["TrainAndRegisterArn"],
        input=json.dumps({"detail": {"version": version, "reason": "manual"}}),
    )["executionArn"]
    return run


def ended(cloud: LoopCloud, run: str) -> dict[str, Any]:
    states = cloud.client("stepfunctions")

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = states.describe_execution(executionArn=run)
        return found if found["status"] != "RUNNING" else None

    return cloud.wait(look, "the run to end")


def jobs(cloud: LoopCloud, run: str) -> list[dict[str, Any]]:
    """The training jobs of a run, the oldest first."""
    sagemaker, prefix = cloud.client("sagemaker"), f"/checkpoints/{run.rpartition(':')[2]}"
    listed = sagemaker.list_training_jobs(SortBy="CreationTime", SortOrder="Ascending")
    found = [
        sagemaker.describe_training_job(TrainingJobName=one["TrainingJobName"])
        for one in listed["TrainingJobSummaries"]
    ]
    return [one for one in found if one["CheckpointConfig"]["S3Uri"].endswith(prefix)]


def newest_job(cloud: LoopCloud, run: str, secondary: str, num_jobs: int = 1) -> dict[str, Any]:
    """The run's last of as many jobs, once it has a secondary status."""

    def look() -> dict[str, Any] | None:
        found = jobs(cloud, run)
        return (
            found[-1]
            if len(found) == num_jobs and found[-1]["SecondaryStatus"] == secondary
            else None
        )

    return cloud.wait(look, f"a job that is {secondary}")


def attempts(cloud: LoopCloud, run: str) -> list[dict[str, Any]]:
    """What the evaluation of a run was told of its training."""
    history = cloud.client("stepfunctions").get_execution_history(executionArn=run, maxResults=1000)
    [asked] = [
        json.loads(event["taskScheduledEventDetails"]["parameters"])
        for event in history["events"]
        if event.get("taskScheduledEventDetails", {}).get("resource") == "createProcessingJob.sync"
    ]
    told: list[dict[str, Any]] = json.loads(asked["Environment"]["TRAINING_ATTEMPTS"])
    return told


def set_capacity(cloud: LoopCloud, *, spot: bool, available: bool) -> None:
    body = {"instance_type": INSTANCE_TYPE, "spot": spot, "available": available}
    requests.post(
        f"{cloud.endpoint_url}/_localcloud/capacity", json=body, timeout=60
    ).raise_for_status()


def test_without_spot_instances_a_run_waits_and_goes_on_demand(cloud: LoopCloud) -> None:
    set_capacity(cloud, spot=True, available=False)
    run = start(cloud)
    job = newest_job(cloud, run, "Starting")
    cloud.account.advance_clock(job["StoppingCondition"]["MaxWaitTimeInSeconds"] + 60)
    end = ended(cloud, run)
    set_capacity(cloud, spot=True, available=True)
    assert end["status"] == "SUCCEEDED", end
    first, second = jobs(cloud, run)
    assert first["CheckpointConfig"] == second["CheckpointConfig"]
    assert attempts(cloud, run) == [
        {"instance_type": INSTANCE_TYPE, "spot": True, "status": "MaxWaitTimeExceeded"},
        {"instance_type": INSTANCE_TYPE, "spot": False, "status": "Completed"},
    ]


def test_a_run_that_is_reclaimed_again_and_again_goes_on_demand(cloud: LoopCloud) -> None:
    run = start(cloud)
    for number in range(3):
        job = newest_job(cloud, run, "Training")
        body = {"training_job": job["TrainingJobName"]}
        address = f"{cloud.endpoint_url}/_localcloud/spot/reclaim"
        requests.post(address, json=body, timeout=60).raise_for_status()
        wait_for_reclaim(cloud, run, number + 1)
    end = ended(cloud, run)
    assert end["status"] == "SUCCEEDED", end
    first, second = jobs(cloud, run)
    assert (num_reclaims(first), second["EnableManagedSpotTraining"]) == (3, False)
    assert [(one["spot"], one["status"]) for one in attempts(cloud, run)] == [
        (True, "Stopped"),
        (False, "Completed"),
    ]


def wait_for_reclaim(cloud: LoopCloud, run: str, number: int) -> None:
    cloud.wait(lambda: num_reclaims(jobs(cloud, run)[0]) == number or None, f"reclaim {number}")


def num_reclaims(job: dict[str, Any]) -> int:
    return [one["Status"] for one in job["SecondaryStatusTransitions"]].count("Interrupted")


def test_a_model_s_run_that_fails_leaves_another_s_alone(cloud: LoopCloud) -> None:
    other = cloud.of_model(SECOND_MODEL)
    runs = start(cloud), start(other)
    job = newest_job(cloud, runs[0], "Training")
    cloud.client("sagemaker").stop_training_job(TrainingJobName=job["TrainingJobName"])
    failed, good = ended(cloud, runs[0]), ended(other, runs[1])
    assert failed["status"] == "FAILED"
    assert "ended as Stopped" in failed["cause"]
    assert good["status"] == "SUCCEEDED"
    [package] = cloud.client("sagemaker").list_model_packages(
        ModelPackageGroupName=other.outputs["ModelPackageGroup"]
    )["ModelPackageSummaryList"]
    assert json.loads(good["output"])["model_package_arn"] == package["ModelPackageArn"]
