"""What training and processing jobs share: a record, its requests, and how it can end."""

from __future__ import annotations

import threading
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.sagemaker.notices import emit

SPOT_NOTICE_SECONDS = 2.0
# What a run may meet beside its own failures: a full disk, a broken connection, a bad object.
UNFORESEEN = (OSError, ValueError, RuntimeError, Boto3Error, BotoCoreError, ClientError)


class EndedEarlyError(Exception):
    """The job ends as Stopped: `secondary` tells why (Stopped, MaxRuntimeExceeded, …)."""

    def __init__(self, secondary: str, message: str) -> None:
        super().__init__(message)
        self.secondary, self.message = secondary, message


class JobFailedError(Exception):
    """The job ends as Failed, with this FailureReason."""


class ReclaimedError(Exception):
    """The job's spot capacity is taken away."""


class CloudStoppingError(Exception):
    """The cloud goes down: leave everything as it is."""


class Job:
    """A job's Describe response as it stands, and what was asked of it.

    `kind` is `Training` or `Processing`; `lock` is held wherever the status is read and written
    in one step.
    """

    def __init__(self, account: Account, kind: str, description: dict[str, Any]) -> None:
        self._account, self._kind = account, kind
        self.description = description
        self.tags: list[dict[str, str]] = []
        self.lock = threading.RLock()
        self.stop_requested = threading.Event()
        self.reclaim_requested = threading.Event()

    @property
    def name(self) -> str:
        return str(self.description[f"{self._kind}JobName"])

    @property
    def arn(self) -> str:
        return str(self.description[f"{self._kind}JobArn"])

    @property
    def status(self) -> str:
        return str(self.description[f"{self._kind}JobStatus"])

    @property
    def is_over(self) -> bool:
        return self.status in ("Completed", "Failed", "Stopped")

    def snapshot(self) -> dict[str, Any]:
        with self.lock:
            transitions = self.description.get("SecondaryStatusTransitions")
            copied = {**self.description}
            if transitions is not None:
                copied["SecondaryStatusTransitions"] = [dict(each) for each in transitions]
            return copied

    def request_stop(self) -> None:
        """What StopTrainingJob and StopProcessingJob do; a second one changes nothing."""
        with self.lock:
            if self.is_over or self.stop_requested.is_set():
                return
            self.description[f"{self._kind}JobStatus"] = "Stopping"
            if self._kind == "Training":
                self._transition("Stopping", "Stopping the training job")
            self.stop_requested.set()
        self.announce()

    def enter(
        self, secondary: str, message: str, status: str | None = None, **members: Any
    ) -> None:
        """Change the status (a training job's secondary status too) and tell the event bus."""
        with self.lock:
            self.description.update(members, LastModifiedTime=self._account.clock.now())
            if status:
                self.description[f"{self._kind}JobStatus"] = status
            if self._kind == "Training":
                self._transition(secondary, message)
        self.announce()

    def _transition(self, secondary: str, message: str) -> None:
        now = self._account.clock.now()
        transitions = self.description["SecondaryStatusTransitions"]
        if transitions:
            transitions[-1]["EndTime"] = now
        transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
        if self.is_over:
            transitions[-1]["EndTime"] = now
        self.description.update(SecondaryStatus=secondary, LastModifiedTime=now)

    def announce(self) -> None:
        detail = {**self.snapshot(), "Tags": {tag["Key"]: tag["Value"] for tag in self.tags}}
        emit(self._account, f"SageMaker {self._kind} Job State Change", detail, self.arn)


def host_failure(codes: list[int | None], message: str, log_tail: str) -> JobFailedError:
    """AWS's sentence for the first host that ended with another code than 0."""
    code = next(code for code in codes if code)
    said = message or log_tail
    return JobFailedError(f"AlgorithmError: {said[:900]}, exit code: {code}")
