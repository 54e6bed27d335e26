"""Training jobs: create, describe, list, stop, and reclaim the spot capacity of."""

from __future__ import annotations

import threading

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.sagemaker.job import Job
from localcloud.sagemaker.jobs import Jobs
from localcloud.sagemaker.naming import arn, validation_error
from localcloud.sagemaker.paging import listing
from localcloud.sagemaker.roles import check_role
from localcloud.sagemaker.training_checks import check_request
from localcloud.sagemaker.training_input import check_channels
from localcloud.sagemaker.training_run import TrainingRun
from localcloud.sagemaker.transfer import Transfer

_SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
    "SecondaryStatus",
)


class TrainingJobs(Jobs):
    """The training part of SageMaker's API."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._training_jobs: dict[str, Job] = {}
        self._training_lock = threading.Lock()

    def create_training_job(self, request: Request, caller: Caller) -> Response:
        check_request(request)
        check_role(self.account, request["RoleArn"])
        try:
            image = self.images.find(request["AlgorithmSpecification"]["TrainingImage"])
        except ValueError as error:
            raise validation_error(str(error)) from error
        transfer = Transfer(self.account, request["RoleArn"])
        check_channels(request, transfer, self.account.region)
        job = self._record_training_job(request)
        job.enter("Starting", "Launching requested ML instances", "InProgress")
        run = TrainingRun(self._machine, job, image)
        self.run_job(f"training job {job.name}", run.run)
        return {"TrainingJobArn": job.arn}

    def describe_training_job(self, request: Request, caller: Caller) -> Response:
        return self._training_job(request["TrainingJobName"]).snapshot()

    def stop_training_job(self, request: Request, caller: Caller) -> Response:
        job = self._training_job(request["TrainingJobName"])
        if job.is_over:
            raise validation_error(
                f"The request was rejected because the training job is in status {job.status}."
            )
        job.request_stop()
        return {}

    def list_training_jobs(self, request: Request, caller: Caller) -> Response:
        return listing(
            [job.snapshot() for job in list(self._training_jobs.values())],
            request,
            name="TrainingJobName",
            status="TrainingJobStatus",
            members=_SUMMARY,
            result="TrainingJobSummaries",
        )

    def set_available(self, instance_type: str, spot: bool, available: bool) -> None:
        """Say whether training jobs find instances of a type, on spot capacity or on demand."""
        self._machine.capacity.set_available(instance_type, spot, available)

    def reclaim(self, training_job_name: str) -> None:
        """Take the spot capacity of a running training job away, as EC2 would.

        ValueError for a job that is unknown, over, or not on managed spot capacity.
        """
        job = self._training_jobs.get(training_job_name)
        if job is None:
            raise ValueError(f"there is no training job {training_job_name}")
        with job.lock:
            if not job.description["EnableManagedSpotTraining"]:
                raise ValueError(
                    f"training job {job.name} runs on demand: only managed spot training "
                    "(EnableManagedSpotTraining) can be reclaimed"
                )
            if job.status != "InProgress":
                raise ValueError(
                    f"training job {job.name} is {job.status}: only a job in progress can be "
                    "reclaimed"
                )
            job.reclaim_requested.set()

    def _training_job(self, name: str) -> Job:
        try:
            return self._training_jobs[name]
        except KeyError:
            raise validation_error("Requested resource not found.") from None

    def _record_training_job(self, request: Request) -> Job:
        name, now = request["TrainingJobName"], self.account.clock.now()
        job_arn = arn(self.account, "training-job", name)
        given = {
            key: value for key, value in request.items() if key not in ("Tags", "RetryStrategy")
        }
        description = {
            **given,
            "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
            "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
            "EnableInterContainerTrafficEncryption": request.get(
                "EnableInterContainerTrafficEncryption", False
            ),
            "TrainingJobArn": job_arn,
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "CreationTime": now,
            "LastModifiedTime": now,
            "SecondaryStatusTransitions": [],
        }
        if "RetryStrategy" in request:
            description["RetryStrategy"] = request["RetryStrategy"]
        job = Job(self.account, "Training", description)
        with self._training_lock:
            if name in self._training_jobs:
                raise ServiceError(
                    "ResourceInUse",
                    "Training job names must be unique within an AWS account and region, and a "
                    f"training job with this name already exists ({job_arn})",
                )
            self.tag_resource_at_creation(job_arn, request)
            job.tags = self.tags_of(job_arn)
            self._training_jobs[name] = job
        return job
