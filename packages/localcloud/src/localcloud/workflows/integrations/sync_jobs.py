"""`.sync`: starting a job, waiting for its end, stopping it when the execution is stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.workflows import json_values
from localcloud.workflows.cancellation import in_thread
from localcloud.workflows.errors import StateError, WorkCancelledError
from localcloud.workflows.integrations import responses
from localcloud.workflows.integrations.calls import Caller

_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Job:
    """How a job is followed. `identifier` is a member of the request or of its response.

    A SageMaker job that ends as Stopped, by its time limit for one, counts as done: its artefacts
    are there, and the description says why it ended.
    """

    identifier: str
    describe: str
    stop: str
    status: str
    done: frozenset[str]
    failed: frozenset[str]


JOBS = {
    "CreateTrainingJob": Job(
        "TrainingJobName",
        "DescribeTrainingJob",
        "StopTrainingJob",
        "TrainingJobStatus",
        frozenset({"Completed", "Stopped"}),
        frozenset({"Failed"}),
    ),
    "CreateProcessingJob": Job(
        "ProcessingJobName",
        "DescribeProcessingJob",
        "StopProcessingJob",
        "ProcessingJobStatus",
        frozenset({"Completed", "Stopped"}),
        frozenset({"Failed"}),
    ),
    "StartExecution": Job(
        "executionArn",
        "DescribeExecution",
        "StopExecution",
        "status",
        frozenset({"SUCCEEDED"}),
        frozenset({"FAILED", "TIMED_OUT", "ABORTED"}),
    ),
}


def follow(request: dict[str, Any], response: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The job's description once it is done; States.TaskFailed with it as the cause if not."""
    job = JOBS[caller.resource.operation]
    key = {job.identifier: {**request, **response}[job.identifier]}
    try:
        description = _wait(key, job, caller)
    except WorkCancelledError:
        in_thread(lambda: _stop(key, job, caller))
        raise
    result = responses.members(description, caller.resource, job.describe)
    if description[job.status] in job.failed:
        raise StateError("States.TaskFailed", json_values.to_text(result))
    return _with_json_output(result) if caller.resource.pattern == "sync:2" else result


def _wait(key: dict[str, Any], job: Job, caller: Caller) -> dict[str, Any]:
    while True:
        description = caller.call(job.describe, key)
        if description[job.status] in job.done | job.failed:
            return description
        caller.cancellation.sleep(_POLL_SECONDS)


def _stop(key: dict[str, Any], job: Job, caller: Caller) -> None:
    """Best effort, as on AWS: a job that can't be stopped ends by itself."""
    try:
        caller.call_in_place(job.stop, key)
    except (ClientError, BotoCoreError):
        return


def _with_json_output(result: dict[str, Any]) -> dict[str, Any]:
    texts = {name: result[name] for name in ("Input", "Output") if name in result}
    return {**result, **{name: json_values.from_text(text) for name, text in texts.items()}}
