"""The life of one training job, from capacity to artefacts, through every interruption."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from localcloud.sagemaker.checkpoints import CheckpointSync
from localcloud.sagemaker.container import Container
from localcloud.sagemaker.hosts import (
    Host,
    HostProcesses,
    failure_message,
    remove_layout,
)
from localcloud.sagemaker.images import Image
from localcloud.sagemaker.job import (
    UNFORESEEN,
    CloudStoppingError,
    EndedEarlyError,
    Job,
    JobFailedError,
    ReclaimedError,
    host_failure,
)
from localcloud.sagemaker.machine import Machine
from localcloud.sagemaker.metrics import MetricReader
from localcloud.sagemaker.training_input import download_channels, write_input_config
from localcloud.sagemaker.training_output import upload_outputs
from localcloud.sagemaker.transfer import Transfer, explain

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_POLL_SECONDS = 0.05


class TrainingRun:
    """Runs one job in the calling thread until it is over."""

    def __init__(self, machine: Machine, job: Job, image: Image) -> None:
        self._machine, self._job, self._image = machine, job, image
        self._clock = machine.account.clock
        self._request = job.description
        self._transfer = Transfer(machine.account, self._request["RoleArn"])
        self._root = machine.account.work_dir / "training-jobs" / job.name
        self._metrics = MetricReader(
            self._request["AlgorithmSpecification"].get("MetricDefinitions", []), self._clock
        )
        self._trained_seconds = 0.0
        self._hosts: list[Host] = []

    def run(self) -> None:
        try:
            while not self._attempt_with_capacity():
                self._job.enter("Interrupted", "Spot capacity was reclaimed; waiting for capacity")
        except CloudStoppingError:
            return
        except UNFORESEEN as error:
            if not self._machine.is_stopping():
                self._fail(f"InternalServerError: {error}")
        except JobFailedError as failure:
            self._fail(str(failure))
        except EndedEarlyError as ended:
            self._finish("Stopped", ended.secondary, ended.message)
        finally:
            remove_layout(self._root)

    def _attempt_with_capacity(self) -> bool:
        """One attempt. False when its capacity was reclaimed."""
        if not self._was_reclaimed(self._wait_for_instances):
            return False
        if not self._machine.capacity.acquire(self._must_not_wait):
            return self._was_reclaimed(self._check)
        try:
            return self._was_reclaimed(self._attempt)
        finally:
            self._machine.capacity.release()

    def _was_reclaimed(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except ReclaimedError:
            self._job.reclaim_requested.clear()
            return False
        return True

    def _wait_for_instances(self) -> None:
        """Spot capacity is waited for; on demand, a job without instances fails."""
        kinds = [kind for _, kind, _ in instance_groups(self._request["ResourceConfig"])]
        spot = self._request["EnableManagedSpotTraining"]
        while self._machine.capacity.is_short(kinds, spot):
            if not spot:
                raise JobFailedError(
                    "CapacityError: Unable to provision requested ML compute capacity. Please "
                    "retry using a different ML instance type."
                )
            self._check()
            time.sleep(_POLL_SECONDS)

    def _must_not_wait(self) -> bool:
        try:
            self._check()
        except (CloudStoppingError, EndedEarlyError, ReclaimedError):
            return True
        return False

    def _check(self) -> None:
        """Raise what has been asked of the job, or what its time limits demand."""
        if self._machine.is_stopping():
            raise CloudStoppingError
        if self._job.stop_requested.is_set():
            raise EndedEarlyError("Stopped", "Training job stopped")
        limits = self._request["StoppingCondition"]
        waited = self._clock.now() - self._request["CreationTime"]
        longest = limits.get("MaxWaitTimeInSeconds")
        if longest is not None and waited > timedelta(seconds=longest):
            raise EndedEarlyError(
                "MaxWaitTimeExceeded", "Training job wait time exceeded MaxWaitTime"
            )
        if self._job.reclaim_requested.is_set():
            raise ReclaimedError

    def _attempt(self) -> None:
        self._job.enter("Starting", "Preparing the instances for training")
        self._check()
        self._lay_out()
        checkpoints = self._checkpoints()
        self._job.enter("Downloading", "Downloading input data")
        if "TrainingStartTime" not in self._request:
            self._request["TrainingStartTime"] = self._clock.now()
        download_channels(self._request, self._hosts, self._transfer, self._check)
        self._restore(checkpoints)
        try:
            self._train(checkpoints)
        except EndedEarlyError:
            self._upload(with_model=True)
            raise
        except JobFailedError:
            self._upload(with_model=False)
            raise
        self._upload(with_model=True)
        with self._job.lock:
            # A reclaim that came while artefacts went up has taken the instances with them.
            self._check()
            self._finish("Completed", "Completed", "Training job completed")

    def _lay_out(self) -> None:
        remove_layout(self._root)
        groups = instance_groups(self._request["ResourceConfig"])
        addresses = self._machine.addresses.take(sum(count for *_, count in groups))
        places = [(kind, name) for name, kind, count in groups for _ in range(count)]
        self._hosts = [
            Host(address, index, kind, name, self._root / f"algo-{index + 1}/opt/ml")
            for index, (address, (kind, name)) in enumerate(zip(addresses, places, strict=True))
        ]
        for host in self._hosts:
            write_input_config(self._request, self._image, host, self._hosts)
            for folder in ("model", "output/data", "checkpoints", "code"):
                (host.opt_ml / folder).mkdir(parents=True)

    def _checkpoints(self) -> CheckpointSync | None:
        config = self._request.get("CheckpointConfig")
        if not config:
            return None
        local = config.get("LocalPath", "/opt/ml/checkpoints").rstrip("/")
        folders = [host.opt_ml / local.removeprefix("/opt/ml").lstrip("/") for host in self._hosts]
        return CheckpointSync(self._transfer, config["S3Uri"], folders)

    def _restore(self, checkpoints: CheckpointSync | None) -> None:
        if checkpoints is None:
            return
        try:
            checkpoints.restore(self._check)
        except (ClientError, ValueError) as error:
            raise JobFailedError(
                f"ClientError: Checkpoint download failed: {explain(error)}"
            ) from error

    def _train(self, checkpoints: CheckpointSync | None) -> None:
        account = self._machine.account
        processes = HostProcesses(account, LOG_GROUP, self._job.name, self._request["RoleArn"])
        self._check()
        self._job.enter("Training", "Training image download completed. Training in progress.")
        started = self._clock.time()
        try:
            processes.start([self._container(host) for host in self._hosts], self._metrics.read)
            if checkpoints:
                checkpoints.start()
            self._watch(processes, checkpoints, started)
        except (EndedEarlyError, ReclaimedError):
            processes.end(self._machine.notice_seconds())
            raise
        except OSError as error:
            raise JobFailedError(f"AlgorithmError: the container did not start: {error}") from error
        finally:
            processes.end()
            self._trained_seconds += self._clock.time() - started
            self._finish_checkpoints(checkpoints)

    def _finish_checkpoints(self, checkpoints: CheckpointSync | None) -> None:
        if checkpoints is None:
            return
        if self._machine.is_stopping():
            checkpoints.abandon()
            return
        try:
            checkpoints.finish()
        except ClientError as error:
            raise JobFailedError(
                f"ClientError: Checkpoint upload failed: {explain(error)}"
            ) from error

    def _watch(
        self, processes: HostProcesses, checkpoints: CheckpointSync | None, started: float
    ) -> None:
        limit = self._request["StoppingCondition"].get("MaxRuntimeInSeconds", 86400)
        codes = processes.exit_codes()
        while None in codes and not any(codes):
            self._check()
            if self._trained_seconds + self._clock.time() - started > limit:
                raise EndedEarlyError(
                    "MaxRuntimeExceeded", "Training job runtime exceeded MaxRuntime"
                )
            if checkpoints and checkpoints.error:
                reason = explain(checkpoints.error)
                raise JobFailedError(f"ClientError: Checkpoint upload failed: {reason}")
            time.sleep(_POLL_SECONDS)
            codes = processes.exit_codes()
        if any(codes):
            failed = next(host for host, code in zip(self._hosts, codes, strict=True) if code)
            processes.drain()
            message = failure_message(failed.opt_ml)
            raise host_failure(codes, message, processes.tail(failed.index))

    def _container(self, host: Host) -> Container:
        algorithm = self._request["AlgorithmSpecification"]
        given = {
            **self._request.get("Environment", {}),
            "TRAINING_JOB_NAME": self._job.name,
            "TRAINING_JOB_ARN": self._job.arn,
        }
        return Container(
            image=self._image,
            opt_ml=host.opt_ml,
            entrypoint=algorithm.get("ContainerEntrypoint", self._image.recipe.entrypoint),
            # Without arguments of its own a job runs `docker run IMAGE train`.
            arguments=algorithm.get(
                "ContainerArguments", [] if "ContainerEntrypoint" in algorithm else ["train"]
            ),
            environment=given,
            role_arn=self._request["RoleArn"],
        )

    def _upload(self, with_model: bool) -> None:
        if self._machine.is_stopping():
            raise CloudStoppingError
        if with_model:
            self._job.enter("Uploading", "Uploading generated training model")
        folders = [host.opt_ml for host in self._hosts]
        artifact = upload_outputs(
            self._request["OutputDataConfig"], self._job.name, folders, self._transfer, with_model
        )
        if artifact:
            self._request["ModelArtifacts"] = {"S3ModelArtifacts": artifact}

    def _fail(self, reason: str) -> None:
        self._finish("Failed", "Failed", "Training job failed", FailureReason=reason[:1024])

    def _finish(self, status: str, secondary: str, message: str, **members: Any) -> None:
        if "TrainingStartTime" in self._request:
            members["TrainingEndTime"] = self._clock.now()
            members["TrainingTimeInSeconds"] = math.ceil(self._trained_seconds)
            members["BillableTimeInSeconds"] = math.ceil(self._trained_seconds)
        if values := self._metrics.final_values():
            members["FinalMetricDataList"] = values
        self._job.enter(secondary, message, status, **members)


def instance_groups(config: dict[str, Any]) -> Sequence[tuple[str, str, int]]:
    """(name, instance type, count) of each instance group of a ResourceConfig."""
    groups = config.get("InstanceGroups")
    if not groups:
        return [("homogeneousCluster", config["InstanceType"], config["InstanceCount"])]
    return [(g["InstanceGroupName"], g["InstanceType"], g["InstanceCount"]) for g in groups]
