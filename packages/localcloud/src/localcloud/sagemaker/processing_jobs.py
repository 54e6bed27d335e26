"""Processing jobs: create, describe, list, stop."""

from __future__ import annotations

import threading
from pathlib import PurePosixPath

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.sagemaker.job import Job
from localcloud.sagemaker.jobs import Jobs
from localcloud.sagemaker.naming import arn, check_name, refuse_members, validation_error
from localcloud.sagemaker.paging import listing
from localcloud.sagemaker.processing_run import ProcessingRun, s3_outputs
from localcloud.sagemaker.roles import check_role

_SUMMARY = (
    "ProcessingJobName",
    "ProcessingJobArn",
    "CreationTime",
    "ProcessingEndTime",
    "LastModifiedTime",
    "ProcessingJobStatus",
    "FailureReason",
    "ExitMessage",
)


class ProcessingJobs(Jobs):
    """The processing part of SageMaker's API."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._processing_jobs: dict[str, Job] = {}
        self._processing_lock = threading.Lock()

    def create_processing_job(self, request: Request, caller: Caller) -> Response:
        check_name(request["ProcessingJobName"], "processingJobName")
        _check_data(request)
        check_role(self.account, request["RoleArn"])
        try:
            image = self.images.find(request["AppSpecification"]["ImageUri"])
        except ValueError as error:
            raise validation_error(str(error)) from error
        job = self._record_processing_job(request)
        job.announce()
        run = ProcessingRun(self._machine, job, image)
        self.run_job(f"processing job {job.name}", run.run)
        return {"ProcessingJobArn": job.arn}

    def describe_processing_job(self, request: Request, caller: Caller) -> Response:
        return self._processing_job(request["ProcessingJobName"]).snapshot()

    def stop_processing_job(self, request: Request, caller: Caller) -> Response:
        job = self._processing_job(request["ProcessingJobName"])
        if job.is_over:
            raise validation_error(
                f"The request was rejected because the processing job is in status {job.status}."
            )
        job.request_stop()
        return {}

    def list_processing_jobs(self, request: Request, caller: Caller) -> Response:
        return listing(
            [job.snapshot() for job in list(self._processing_jobs.values())],
            request,
            name="ProcessingJobName",
            status="ProcessingJobStatus",
            members=_SUMMARY,
            result="ProcessingJobSummaries",
        )

    def _processing_job(self, name: str) -> Job:
        try:
            return self._processing_jobs[name]
        except KeyError:
            raise validation_error(f"Could not find requested job with name: {name}") from None

    def _record_processing_job(self, request: Request) -> Job:
        name, now = request["ProcessingJobName"], self.account.clock.now()
        job_arn = arn(self.account, "processing-job", name)
        description = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "ProcessingJobArn": job_arn,
            "ProcessingJobStatus": "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        job = Job(self.account, "Processing", description)
        with self._processing_lock:
            if name in self._processing_jobs:
                raise ServiceError(
                    "ResourceInUse",
                    "Job name must be unique within an AWS account and region, and a job with "
                    f"this name already exists ({job_arn})",
                )
            self.tag_resource_at_creation(job_arn, request)
            job.tags = self.tags_of(job_arn)
            self._processing_jobs[name] = job
        return job


def _check_data(request: Request) -> None:
    inputs = request.get("ProcessingInputs", [])
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    for each in inputs:
        _check_entry(each, "S3Input", each["InputName"], ("DatasetDefinition", "AppManaged"))
        if each["S3Input"].get("S3InputMode", "File") == "Pipe":
            raise validation_error(f"{each['InputName']}: Pipe mode is not carried out: use File.")
    for each in outputs:
        _check_entry(each, "S3Output", each["OutputName"], ("FeatureStoreOutput", "AppManaged"))
    paths = [each["S3Input"]["LocalPath"] for each in inputs]
    paths += [output["LocalPath"] for output in s3_outputs(request)]
    if len(set(paths)) < len(paths):
        raise validation_error("LocalPath of a processing job's inputs and outputs must be unique.")


def _check_entry(entry: Request, member: str, name: str, refused: tuple[str, ...]) -> None:
    refuse_members(entry, refused, f"give {name} an {member} with a LocalPath")
    path = entry.get(member, {}).get("LocalPath", "")
    parts = PurePosixPath(path).parts
    if parts[:4] != ("/", "opt", "ml", "processing") or ".." in parts:
        raise validation_error(
            f"{name}: {member}.LocalPath '{path}' must be a path under /opt/ml/processing."
        )
