"""What runs have made for one model, and its unmaking. All of it is found by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from meguru.names import (
    JOB_LOG_GROUPS,
    is_made_by_runs,
    smoke_endpoint_name,
    wake_alarm_name,
)
from meguru.refusals import says_missing

# Of a thing that has ended or changed since it was looked at.
_CHANGED = re.compile(r"in-progress|_IN_PROGRESS|was rejected because")
_UNCHANGEABLE = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


@dataclass(frozen=True)
class Clients:
    """Clients of the services that runs make things in."""

    sagemaker: Any
    scaling: Any
    alarms: Any
    logs: Any
    states: Any
    tables: Any


class Unmaking:
    """Unmakes a model's endpoint with what it hosts, its scaling, configs, models, and what runs.

    `name` is that of the endpoint and the model package group, `workflows` are the state machines
    that make things under it, `release_table` says what serves. Model versions and logs are
    unmade too, unless they are kept; an endpoint's log group is its stack's.
    """

    def __init__(
        self,
        clients: Clients,
        name: str,
        *,
        workflows: Sequence[str],
        release_table: str,
        keeps_versions: bool,
    ) -> None:
        self._sagemaker, self._scaling = clients.sagemaker, clients.scaling
        self._alarms, self._logs, self._states = clients.alarms, clients.logs, clients.states
        self._tables, self._release_table = clients.tables, release_table
        self._name, self._workflows, self._keeps_versions = name, workflows, keeps_versions

    def step(self) -> list[str]:
        """Unmake what can be unmade now. What is still on its way, in words: call again then.

        It goes by what is there, so that a run which makes something meanwhile changes nothing.
        """
        left = [
            *self._stop_executions(),
            *self._stop_training_jobs(),
            *self._stop_processing_jobs(),
        ]
        self._end_scaling()
        left += self._delete_endpoint(smoke_endpoint_name(self._name))
        components = list(self._delete_component())
        left += components or self._delete_endpoint(self._name)
        if not left:
            self._delete_configs_and_models()
            self._forget_release()
            if not self._keeps_versions:
                self._delete_versions()
                self._delete_logs()
        return left

    def _stop_executions(self) -> Iterator[str]:
        for workflow in self._workflows:
            with _passing_over():
                pages = self._states.get_paginator("list_executions").paginate(
                    stateMachineArn=workflow, statusFilter="RUNNING"
                )
                for running in [one for page in pages for one in page["executions"]]:
                    with _passing_over():
                        self._states.stop_execution(
                            executionArn=running["executionArn"],
                            error="Destroyed",
                            cause="The environment is being destroyed.",
                        )
                    yield f"execution {running['name']}"

    def _stop_training_jobs(self) -> Iterator[str]:
        for status in ("Stopping", "InProgress"):
            pages = self._sagemaker.get_paginator("list_training_jobs").paginate(
                NameContains=self._name, StatusEquals=status
            )
            for made in self._names(pages, "TrainingJobSummaries", "TrainingJobName"):
                if status == "InProgress":
                    with _passing_over():
                        self._sagemaker.stop_training_job(TrainingJobName=made)
                yield f"training job {made}"

    def _stop_processing_jobs(self) -> Iterator[str]:
        for status in ("Stopping", "InProgress"):
            pages = self._sagemaker.get_paginator("list_processing_jobs").paginate(
                NameContains=self._name, StatusEquals=status
            )
            for made in self._names(pages, "ProcessingJobSummaries", "ProcessingJobName"):
                if status == "InProgress":
                    with _passing_over():
                        self._sagemaker.stop_processing_job(ProcessingJobName=made)
                yield f"processing job {made}"

    def _end_scaling(self) -> None:
        """Before the endpoint goes: its policies, and their alarms, go with the target."""
        pages = self._scaling.get_paginator("describe_scalable_targets").paginate(
            ServiceNamespace="sagemaker"
        )
        for target in [one for page in pages for one in page["ScalableTargets"]]:
            if target["ResourceId"].split("/")[1] == self._name:
                with _passing_over():
                    self._scaling.deregister_scalable_target(
                        ServiceNamespace="sagemaker",
                        ResourceId=target["ResourceId"],
                        ScalableDimension=target["ScalableDimension"],
                    )
        # Where an endpoint was deleted before its target, its alarms have stayed.
        for prefix in (
            f"TargetTracking-endpoint/{self._name}/",
            f"TargetTracking-inference-component/{self._name}-Alarm",
        ):
            pages = self._alarms.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
            for alarm in [one for page in pages for one in page["MetricAlarms"]]:
                self._delete_alarm(alarm["AlarmName"])
        self._delete_alarm(wake_alarm_name(self._name))

    def _delete_alarm(self, name: str) -> None:
        with _passing_over():
            self._alarms.delete_alarms(AlarmNames=[name])

    def _delete_component(self) -> Iterator[str]:
        """Before its endpoint, which would leave it behind."""
        with _passing_over():
            found = self._sagemaker.describe_inference_component(InferenceComponentName=self._name)
            status = found["InferenceComponentStatus"]
            if status not in _UNCHANGEABLE:
                with _passing_over():
                    self._sagemaker.delete_inference_component(InferenceComponentName=self._name)
            yield f"inference component {self._name}, which was {status}"

    def _delete_endpoint(self, name: str) -> Iterator[str]:
        with _passing_over():
            status = self._sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]
            if status not in _UNCHANGEABLE:
                with _passing_over():
                    self._sagemaker.delete_endpoint(EndpointName=name)
            yield f"endpoint {name}, which was {status}"

    def _delete_configs_and_models(self) -> None:
        configs = self._sagemaker.get_paginator("list_endpoint_configs").paginate(
            NameContains=self._name
        )
        for made in self._names(configs, "EndpointConfigs", "EndpointConfigName"):
            with _passing_over():
                self._sagemaker.delete_endpoint_config(EndpointConfigName=made)
        models = self._sagemaker.get_paginator("list_models").paginate(NameContains=self._name)
        for made in self._names(models, "Models", "ModelName"):
            with _passing_over():
                self._sagemaker.delete_model(ModelName=made)

    def _forget_release(self) -> None:
        """Nothing serves any more, which is what the release record would still say."""
        with _passing_over():
            self._tables.delete_item(
                TableName=self._release_table, Key={"endpoint_name": {"S": self._name}}
            )

    def _delete_versions(self) -> None:
        with _passing_over():
            pages = self._sagemaker.get_paginator("list_model_packages").paginate(
                ModelPackageGroupName=self._name
            )
            for package in [one for page in pages for one in page["ModelPackageSummaryList"]]:
                with _passing_over():
                    self._sagemaker.delete_model_package(
                        ModelPackageName=package["ModelPackageArn"]
                    )

    def _delete_logs(self) -> None:
        """Those of jobs, in the groups that all jobs of an account share."""
        for shared_log in JOB_LOG_GROUPS:
            with _passing_over():
                pages = self._logs.get_paginator("describe_log_streams").paginate(
                    logGroupName=shared_log, logStreamNamePrefix=f"{self._name}-"
                )
                for stream in [one for page in pages for one in page["logStreams"]]:
                    if is_made_by_runs(stream["logStreamName"].partition("/")[0], self._name):
                        with _passing_over():
                            self._logs.delete_log_stream(
                                logGroupName=shared_log, logStreamName=stream["logStreamName"]
                            )

    def _names(self, pages: Any, summaries: str, member: str) -> list[str]:
        """Names that runs have made: the listing's filter finds those that merely contain ours."""
        found = [summary[member] for page in pages for summary in page[summaries]]
        return [name for name in found if is_made_by_runs(name, self._name)]


@contextmanager
def _passing_over() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        if not says_missing(said) and not _CHANGED.search(said["Message"]):
            raise
