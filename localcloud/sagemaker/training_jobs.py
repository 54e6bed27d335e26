"""Training jobs: create, describe, list, stop, and reclaim the spot capacity of."""

from __future__ import annotations

import threading
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from localcloud.sagemaker.job import Job
from localcloud.sagemaker.jobs import Jobs
from localcloud.sagemaker.metrics import check_definitions
from localcloud.sagemaker.naming import arn, check_name, refuse_members, validation_error
from localcloud.sagemaker.paging import listing
from localcloud.sagemaker.roles import check_role
from localcloud.sagemaker.training_input import check_channels
from localcloud.sagemaker.training_run import TrainingRun, instance_groups
from localcloud.sagemaker.transfer import Transfer
from localcloud.service import Caller, Request, Response, ServiceError

if TYPE_CHECKING:
    from localcloud.cloud import Cloud

_SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
    "SecondaryStatus",
)
_NOT_CARRIED_OUT = ("ServerlessJobConfig", "SessionChainingConfig", "ModelPackageConfig")


class TrainingJobs(Jobs):
    """The training part of SageMaker's API."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._training_jobs: dict[str, Job] = {}
        self._training_lock = threading.Lock()

    def create_training_job(self, request: Request, caller: Caller) -> Response:
        _check_request(request)
        check_role(self.cloud, request["RoleArn"])
        try:
            image = self.images.find(request["AlgorithmSpecification"]["TrainingImage"])
        except ValueError as error:
            raise validation_error(str(error)) from error
        transfer = Transfer(self.cloud, request["RoleArn"])
        check_channels(request, transfer, self.cloud.region)
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
        name, now = request["TrainingJobName"], self.cloud.clock.now()
        job_arn = arn(self.cloud, "training-job", name)
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
        job = Job(self.cloud, "Training", description)
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


def _check_request(request: Request) -> None:
    check_name(request["TrainingJobName"], "trainingJobName")
    refuse_members(request, _NOT_CARRIED_OUT, "leave it out")
    for member in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition"):
        if member not in request:
            raise validation_error(f"{member} is required for a training job.")
    algorithm = request["AlgorithmSpecification"]
    if "TrainingImage" not in algorithm:
        raise validation_error(
            "AlgorithmName is not carried out by localcloud: give a TrainingImage."
        )
    if algorithm["TrainingInputMode"] == "Pipe":
        raise validation_error("Pipe mode is not carried out by localcloud: use File.")
    check_definitions(algorithm.get("MetricDefinitions", []))
    local = PurePosixPath(
        request.get("CheckpointConfig", {}).get("LocalPath", "/opt/ml/checkpoints")
    )
    if local.parts[:3] != ("/", "opt", "ml") or ".." in local.parts:
        raise validation_error(f"CheckpointConfig: LocalPath {local} must be under /opt/ml.")
    _check_resources(request["ResourceConfig"])
    _check_limits(request)


def _check_resources(config: Request) -> None:
    if not config.get("InstanceGroups"):
        for member in ("InstanceType", "InstanceCount"):
            if member not in config:
                raise validation_error(f"ResourceConfig: {member} or InstanceGroups is required.")
    if sum(count for *_, count in instance_groups(config)) < 1:
        raise validation_error("ResourceConfig: at least one instance is required.")


def _check_limits(request: Request) -> None:
    limits = request["StoppingCondition"]
    longest = limits.get("MaxWaitTimeInSeconds")
    runtime = limits.get("MaxRuntimeInSeconds", 86400)
    if not request.get("EnableManagedSpotTraining"):
        if longest is not None:
            raise validation_error(
                "Invalid MaxWaitTimeInSeconds. It is not supported when "
                "EnableManagedSpotTraining is false."
            )
        return
    if longest is None or longest < runtime:
        raise validation_error(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds"
        )
