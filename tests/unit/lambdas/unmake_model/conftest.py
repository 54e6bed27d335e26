"""SageMaker and its neighbours with what runs have made, which takes its time to go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.unmake_model.unmaking import Clients, Unmaking

NAME = "meguru-poc--a"
RUN = "0123456789ab"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:train"


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Pages:
    """A paginator over one page for each item."""

    def __init__(self, member: str, items: list[Any]) -> None:
        self._member, self._items = member, items

    def paginate(self) -> Iterator[dict[str, Any]]:
        for item in self._items or [None]:
            yield {self._member: [] if item is None else [item]}


class FakeAws:
    """All six services. An endpoint is deleted, and a job stopped, two looks after it was asked."""

    def __init__(self) -> None:
        of_others = (f"{NAME}-b-{RUN}", f"meguru-poc--b-{RUN}", NAME, f"x-{NAME}-{RUN}")
        self.made = {f"{NAME}-{RUN}", *of_others}
        self.configs, self.models, self.stopped = set(self.made), set(self.made), set[str]()
        self.endpoint: str | None = "InService"
        self.has_smoke_endpoint = False
        # A component that is being scaled can't be deleted, whatever its status said before.
        self.component: str | None = None
        self.is_scaling = False
        self.looks_to_go = 2
        self.jobs = dict.fromkeys(self.made, "InProgress")
        self.executions = [f"{MACHINE}:one".replace("stateMachine", "execution")]
        self.targets = [f"endpoint/{one}/variant/AllTraffic" for one in (NAME, f"{NAME}-b")]
        self.alarms = [f"TargetTracking-{target}/High" for target in self.targets]
        self.versions, self.releases = [f"arn:{NAME}/1", f"arn:{NAME}/2"], {NAME, "meguru-poc--b"}
        self.groups = {"/aws/sagemaker/TrainingJobs"}
        self.streams = {f"{name}/algo-1" for name in self.made}
        self.done: list[str] = []

    def get_paginator(self, operation: str) -> Any:
        fake = self

        class Paginator:
            def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
                yield from getattr(fake, operation)(**request).paginate()

        return Paginator()

    def list_executions(self, **request: Any) -> Pages:
        assert request == {"stateMachineArn": MACHINE, "statusFilter": "RUNNING"}
        found = [{"executionArn": arn, "name": arn.split(":")[-1]} for arn in self.executions]
        return Pages("executions", found)

    def stop_execution(self, **request: Any) -> None:
        self.executions.remove(request["executionArn"])
        self.done.append("execution")

    def list_training_jobs(self, **request: Any) -> Pages:
        found = [name for name, status in self.jobs.items() if status == request["StatusEquals"]]
        if request["StatusEquals"] == "Stopping":
            self.jobs |= dict.fromkeys(found, "Stopped")
        return Pages("TrainingJobSummaries", [{"TrainingJobName": name} for name in found])

    def stop_training_job(self, **request: Any) -> None:
        self.jobs[request["TrainingJobName"]] = "Stopping"
        self.done.append("job")

    def list_processing_jobs(self, **request: Any) -> Pages:
        return Pages("ProcessingJobSummaries", [])

    def describe_scalable_targets(self, **request: Any) -> Pages:
        dimension = "sagemaker:variant:DesiredInstanceCount"
        found = [{"ResourceId": one, "ScalableDimension": dimension} for one in self.targets]
        return Pages("ScalableTargets", found)

    def deregister_scalable_target(self, **request: Any) -> None:
        self.targets.remove(request["ResourceId"])
        self.done.append("target")

    def describe_alarms(self, **request: Any) -> Pages:
        prefix = request["AlarmNamePrefix"]
        return Pages(
            "MetricAlarms", [{"AlarmName": n} for n in self.alarms if n.startswith(prefix)]
        )

    def delete_alarms(self, **request: Any) -> None:
        [name] = request["AlarmNames"]
        if name not in self.alarms:
            raise refused("ResourceNotFound", f"Unknown alarm {name}.")
        self.alarms.remove(name)

    def describe_inference_component(self, **request: Any) -> dict[str, Any]:
        """It goes with the look after it was asked to."""
        found = self.component
        if found is None:
            raise refused("ValidationException", f'Could not find inference component "{NAME}".')
        if found == "Deleting":
            self.component = None
        return {"InferenceComponentStatus": found}

    def delete_inference_component(self, **request: Any) -> None:
        if self.is_scaling:
            self.is_scaling = False
            said = f"Cannot delete inference component {NAME} in state UPDATE_RC_IN_PROGRESS."
            raise refused("ValidationException", said)
        self.component = "Deleting"
        self.done.append("component")

    def describe_endpoint(self, **request: Any) -> dict[str, Any]:
        if request["EndpointName"] == f"{NAME}--smoke":
            if self.has_smoke_endpoint:
                return {"EndpointStatus": "InService"}
            raise refused("ValidationException", "Could not find it.")
        if self.endpoint == "Deleting":
            self.looks_to_go -= 1
        if self.endpoint is None or self.looks_to_go <= 0:
            raise refused("ValidationException", f'Could not find endpoint "{NAME}".')
        return {"EndpointStatus": self.endpoint}

    def delete_endpoint(self, **request: Any) -> None:
        if request["EndpointName"] == f"{NAME}--smoke":
            self.has_smoke_endpoint = False
            return
        if self.endpoint in ("Creating", "Deleting"):
            raise refused("ValidationException", "Cannot update in-progress endpoint")
        self.endpoint = "Deleting"
        self.done.append("endpoint")

    def list_endpoint_configs(self, **request: Any) -> Pages:
        found = sorted(self.configs)
        return Pages("EndpointConfigs", [{"EndpointConfigName": name} for name in found])

    def delete_endpoint_config(self, **request: Any) -> None:
        self.configs.remove(request["EndpointConfigName"])
        self.done.append("config")

    def list_models(self, **request: Any) -> Pages:
        return Pages("Models", [{"ModelName": name} for name in sorted(self.models)])

    def delete_model(self, **request: Any) -> None:
        self.models.remove(request["ModelName"])
        self.done.append("model")

    def delete_item(self, **request: Any) -> None:
        assert request["TableName"] == "releases"
        self.releases.discard(request["Key"]["endpoint_name"]["S"])

    def list_model_packages(self, **request: Any) -> Pages:
        assert request == {"ModelPackageGroupName": NAME}
        found = [{"ModelPackageArn": arn} for arn in self.versions]
        return Pages("ModelPackageSummaryList", found)

    def delete_model_package(self, **request: Any) -> None:
        self.versions.remove(request["ModelPackageName"])

    def describe_log_streams(self, **request: Any) -> Pages:
        if request["logGroupName"] not in self.groups:
            raise refused("ResourceNotFoundException", "The specified log group does not exist.")
        prefix = request["logStreamNamePrefix"]
        found = [name for name in sorted(self.streams) if name.startswith(prefix)]
        return Pages("logStreams", [{"logStreamName": name} for name in found])

    def delete_log_stream(self, **request: Any) -> None:
        self.streams.remove(request["logStreamName"])


@pytest.fixture
def fake() -> FakeAws:
    return FakeAws()


@pytest.fixture
def make_unmaking(fake: FakeAws) -> Callable[..., Unmaking]:
    def make(keeps_versions: bool = False) -> Unmaking:
        return Unmaking(
            Clients(*[fake] * 6),
            NAME,
            workflows=[MACHINE],
            release_table="releases",
            keeps_versions=keeps_versions,
        )

    return make
