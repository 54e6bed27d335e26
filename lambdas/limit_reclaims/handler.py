"""Stops a training job whose spot instances were taken away too often: its run falls back."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3


def handler(event: dict[str, Any], context: object) -> None:
    """Takes a training job's state change.

    The job is asked itself: events come twice, late and out of order. It says in its environment
    how often it may be interrupted, `MAX_INTERRUPTIONS`; where nothing is left to fall back to it
    doesn't, and goes on. It saves what it has before it stops, as it does when it is reclaimed.
    """
    name = event["detail"]["TrainingJobName"]
    job = sagemaker().describe_training_job(TrainingJobName=name)
    limit = job.get("Environment", {}).get("MAX_INTERRUPTIONS")
    if limit and job["TrainingJobStatus"] == "InProgress" and num_interruptions(job) >= int(limit):
        sagemaker().stop_training_job(TrainingJobName=name)


def num_interruptions(job: dict[str, Any]) -> int:
    """How often a job's spot instances were taken away.

    Source: SageMaker developer guide, "Managed Spot Training Lifecycle".
    """
    statuses = [one["Status"] for one in job.get("SecondaryStatusTransitions", [])]
    return statuses.count("Interrupted")


@cache
def sagemaker() -> Any:
    return boto3.client("sagemaker")
