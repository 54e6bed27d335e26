"""The life of one processing job: inputs down, containers run, outputs up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from localcloud.sagemaker.checkpoints import CheckpointSync
from localcloud.sagemaker.container import Container
from localcloud.sagemaker.hosts import (
    Host,
    HostProcesses,
    failure_message,
    remove_layout,
    write_json,
    write_resource_config,
)
from localcloud.sagemaker.images import Image
from localcloud.sagemaker.job import (
    UNFORESEEN,
    CloudStoppingError,
    EndedEarlyError,
    Job,
    JobFailedError,
    host_failure,
)
from localcloud.sagemaker.machine import Machine
from localcloud.sagemaker.transfer import Transfer, explain, files_below, unpack

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_POLL_SECONDS = 0.05
_DEFAULT_LIMIT_SECONDS = 86400


class ProcessingRun:
    """Runs one job in the calling thread until it is over."""

    def __init__(self, machine: Machine, job: Job, image: Image) -> None:
        self._machine, self._job, self._image = machine, job, image
        self._clock = machine.account.clock
        self._request = job.description
        self._transfer = Transfer(machine.account, self._request["RoleArn"])
        self._root = machine.account.work_dir / "processing-jobs" / job.name
        self._hosts: list[Host] = []

    def run(self) -> None:
        try:
            if not self._machine.capacity.acquire(self._must_not_wait):
                self._check()
            try:
                self._process()
            finally:
                self._machine.capacity.release()
            self._finish("Completed")
        except CloudStoppingError:
            return
        except UNFORESEEN as error:
            if not self._machine.is_stopping():
                self._fail(f"InternalServerError: {error}")
        except JobFailedError as failure:
            self._fail(str(failure))
        except EndedEarlyError as ended:
            self._finish("Stopped", ExitMessage=ended.message)
        finally:
            remove_layout(self._root)

    def _must_not_wait(self) -> bool:
        return self._machine.is_stopping() or self._job.stop_requested.is_set()

    def _check(self) -> None:
        if self._machine.is_stopping():
            raise CloudStoppingError
        if self._job.stop_requested.is_set():
            raise EndedEarlyError("Stopped", "The processing job was stopped")

    def _process(self) -> None:
        self._lay_out()
        self._download()
        continuous = self._continuous_outputs()
        processes = HostProcesses(
            self._machine.account, LOG_GROUP, self._job.name, self._request["RoleArn"]
        )
        self._check()
        self._job.enter("", "", None, ProcessingStartTime=self._clock.now())
        started = self._clock.time()
        try:
            processes.start([self._container(host) for host in self._hosts])
            for sync in continuous:
                sync.start()
            self._watch(processes, started)
        except EndedEarlyError:
            processes.end(self._machine.notice_seconds())
            raise
        except OSError as error:
            reason = f"AlgorithmError: the container did not start: {error}"
            raise JobFailedError(reason) from error
        finally:
            processes.end()
            for sync in continuous:
                sync.abandon()
            self._keep_exit_message()
            if not self._machine.is_stopping():
                self._upload()

    def _lay_out(self) -> None:
        remove_layout(self._root)
        cluster = self._request["ProcessingResources"]["ClusterConfig"]
        kind = cluster["InstanceType"]
        self._hosts = [
            Host(
                address, index, kind, "homogeneousCluster", self._root / f"algo-{index + 1}/opt/ml"
            )
            for index, address in enumerate(self._machine.addresses.take(cluster["InstanceCount"]))
        ]
        config = {key: value for key, value in self._request.items() if key in _CONFIG_MEMBERS}
        for host in self._hosts:
            write_resource_config(host, self._hosts, host.opt_ml / "config/resourceconfig.json")
            write_json(host.opt_ml / "config/processingjobconfig.json", config)
            (host.opt_ml / "output").mkdir(parents=True)
            for output in s3_outputs(self._request):
                local_folder(host, output["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def _download(self) -> None:
        try:
            for host in self._hosts:
                for each in self._request.get("ProcessingInputs", []):
                    self._check()
                    self._download_input(each["S3Input"], host)
        except (ClientError, ValueError) as error:
            raise JobFailedError(f"ClientError: Data download failed: {explain(error)}") from error

    def _download_input(self, source: Mapping[str, Any], host: Host) -> None:
        folder = local_folder(host, source["LocalPath"])
        folder.mkdir(parents=True, exist_ok=True)
        is_sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        shard = (host.index, len(self._hosts)) if is_sharded else (0, 1)
        if source["S3DataType"] == "ManifestFile":
            self._transfer.download_manifest(source["S3Uri"], folder, shard)
        else:
            self._transfer.download_prefix(source["S3Uri"], folder, shard, self._check)
        if source.get("S3CompressionType") == "Gzip":
            for archive in [path for path in files_below(folder) if path.name.endswith(".tar.gz")]:
                unpack(archive, archive.parent)

    def _continuous_outputs(self) -> list[CheckpointSync]:
        return [
            CheckpointSync(
                self._transfer,
                output["S3Uri"],
                [local_folder(host, output["LocalPath"]) for host in self._hosts],
            )
            for output in s3_outputs(self._request)
            if output["S3UploadMode"] == "Continuous"
        ]

    def _watch(self, processes: HostProcesses, started: float) -> None:
        limit = self._request.get("StoppingCondition", {}).get(
            "MaxRuntimeInSeconds", _DEFAULT_LIMIT_SECONDS
        )
        codes = processes.exit_codes()
        while None in codes and not any(codes):
            self._check()
            if self._clock.time() - started > limit:
                raise EndedEarlyError("Stopped", "MaxRuntimeExceeded")
            time.sleep(_POLL_SECONDS)
            codes = processes.exit_codes()
        if any(codes):
            failed = next(host for host, code in zip(self._hosts, codes, strict=True) if code)
            processes.drain()
            message = failure_message(failed.opt_ml, "output/message")
            raise host_failure(codes, message, processes.tail(failed.index))

    def _container(self, host: Host) -> Container:
        application, recipe = self._request["AppSpecification"], self._image.recipe
        has_entrypoint = "ContainerEntrypoint" in application
        return Container(
            image=self._image,
            opt_ml=host.opt_ml,
            entrypoint=application.get("ContainerEntrypoint", recipe.entrypoint),
            # As with Docker, an entrypoint given at the start leaves the image's CMD out.
            arguments=application.get(
                "ContainerArguments", [] if has_entrypoint else recipe.command
            ),
            environment={
                **self._request.get("Environment", {}),
                "PROCESSING_JOB_NAME": self._job.name,
                "PROCESSING_JOB_ARN": self._job.arn,
            },
            role_arn=self._request["RoleArn"],
        )

    def _keep_exit_message(self) -> None:
        for host in self._hosts:
            if message := failure_message(host.opt_ml, "output/message"):
                self._request["ExitMessage"] = message
                return

    def _upload(self) -> None:
        try:
            for output in s3_outputs(self._request):
                target = output["S3Uri"].rstrip("/")
                for host in self._hosts:
                    folder = local_folder(host, output["LocalPath"])
                    for path in files_below(folder):
                        relative = path.relative_to(folder).as_posix()
                        self._transfer.upload(path, f"{target}/{relative}", self._output_key())
        except (ClientError, S3UploadFailedError) as error:
            raise JobFailedError(f"ClientError: Data upload failed: {explain(error)}") from error

    def _output_key(self) -> str | None:
        key: str | None = self._request.get("ProcessingOutputConfig", {}).get("KmsKeyId")
        return key

    def _fail(self, reason: str) -> None:
        self._finish("Failed", FailureReason=reason[:1024])

    def _finish(self, status: str, **members: Any) -> None:
        if "ProcessingStartTime" in self._request:
            members["ProcessingEndTime"] = self._clock.now()
        self._job.enter("", "", status, **members)


_CONFIG_MEMBERS = (
    "ProcessingJobArn",
    "ProcessingJobName",
    "AppSpecification",
    "Environment",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "RoleArn",
    "StoppingCondition",
)


def s3_outputs(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return [output["S3Output"] for output in outputs]


def local_folder(host: Host, path: str) -> Path:
    """Where a path under /opt/ml/processing lies for a host."""
    return host.opt_ml / path.removeprefix("/opt/ml").lstrip("/")
