"""The services that a training run calls, as they are, and as they fail."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

# What becomes of a call: it is refused, its answer is lost, or somebody stops the execution.
REFUSED, LOST, STOPPED, STOPPED_AFTER = "refused", "lost", "stopped", "stopped after"
FAULTS = (REFUSED, REFUSED, REFUSED, LOST, LOST, STOPPED, STOPPED_AFTER)
NO_CAPACITY = "CapacityError: Unable to provision requested ML compute capacity."
BROKEN = "InternalServerError: We encountered an internal error. Please try again."
FAILED = "AlgorithmError: it broke, exit code: 1"
RECLAIMED = ["Starting", *["Training", "Interrupted", "Starting"] * 3, "Stopping", "Stopped"]
# How jobs end: their status, their secondary status, and the reason where they fail.
TRAINING_ENDS = (
    *[("Completed", "Completed", "")] * 6,
    ("Failed", "Failed", NO_CAPACITY),
    ("Failed", "Failed", BROKEN),
    ("Failed", "Failed", FAILED),
    ("Stopped", "MaxWaitTimeExceeded", ""),
    ("Stopped", "MaxRuntimeExceeded", ""),
    ("Stopped", "Stopped", ""),
)
PROCESSING_ENDS = (
    *[("Completed", "")] * 6,
    ("Failed", NO_CAPACITY),
    ("Failed", BROKEN),
    ("Failed", FAILED),
    ("Stopped", ""),
)


def refusal(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class Services:
    """One account's services; `chance` says what goes wrong, `rate` how often a call does.

    `stop` stops the execution that calls. `ended` are the jobs whose end was seen, and `left` those
    that went on unseen while another of their kind was started.
    """

    chance: random.Random
    stop: Callable[[], None]
    rate: float
    passes: bool
    takes_card: bool
    serving: str
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    left: list[str] = field(default_factory=list)

    def client(self, service: str) -> Client:
        return Client(self, service)

    def call(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        carry_out = getattr(self, f"_{operation}")
        # What follows a job, and what stops it when its execution is stopped, fails by itself.
        if operation.startswith("stop_") or self.chance.random() >= self.rate:
            return dict(carry_out(request))
        fault = self.chance.choice(FAULTS)
        self.kinds.add(f"{operation} {fault}")
        if fault in (STOPPED_AFTER, LOST):
            carry_out(request)
        if fault in (STOPPED, STOPPED_AFTER):
            self.stop()
        code, message = self.chance.choice(_TROUBLES.get(service, _TROUBLE))
        raise refusal(code, message, operation)

    def _invoke(self, request: dict[str, Any]) -> dict[str, Any]:
        if "ChooseBaseModel" in request["FunctionName"]:
            payload: dict[str, Any] = {
                "uri": "s3://lake/models/base/b/0/",
                "name": "b",
                "revision": "0" * 16,
                "licence": "Apache-2.0",
            }
        else:
            payload = {
                "passed": self.passes,
                "reasons": [],
                "notes": [],
                "metrics": {},
                "metadata": {},
                "model_card": '{"a": 1}',
            }
        broken = self.chance.random() < self.rate / 4
        if broken:
            self.kinds.add("function raises")
            payload = {"errorType": self.chance.choice(("KeyError", "BaseModelRefused"))}
        answer = {"StatusCode": 200, "Payload": json.dumps(payload).encode()}
        return {**answer, **({"FunctionError": "Unhandled"} if broken else {})}

    def _get_item(self, request: dict[str, Any]) -> dict[str, Any]:
        serving = {"released_model_package_arn": {"S": self.serving}}
        return {"Item": serving} if self.serving else {}

    def _put_item(self, request: dict[str, Any]) -> dict[str, Any]:
        self.items.append({name: value["S"] for name, value in request["Item"].items()})
        return {}

    def _list_objects_v2(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"KeyCount": self.chance.randint(0, 1)}

    def _put_events(self, request: dict[str, Any]) -> dict[str, Any]:
        self.events += request["Entries"]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    def _describe_model_package(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.serving.endswith("/deleted"):
            said = f"ModelPackage {self.serving} does not exist."
            raise refusal("ValidationException", said, "DescribeModelPackage")
        container = {"ModelDataUrl": "s3://lake/runs/before/model/j/output/model.tar.gz"}
        return {"InferenceSpecification": {"Containers": [container]}}

    def _create_model_package(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["ModelCard"]["ModelCardContent"] != "{}" and not self.takes_card:
            raise refusal("ValidationException", "Invalid model card", "CreateModelPackage")
        token = request["ClientToken"]
        self.packages.setdefault(token, request)
        number = [*self.packages].index(token) + 1
        return {"ModelPackageArn": f"arn:aws:sagemaker:x:1:model-package/a/{number}"}

    def _create_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        status, secondary, reason = self.chance.choice(TRAINING_ENDS)
        reclaimed = secondary == "Stopped" and "MAX_INTERRUPTIONS" in request["Environment"]
        statuses = RECLAIMED if reclaimed else ["Starting", "Training", secondary]
        name = request["TrainingJobName"]
        artifacts = f"{request['OutputDataConfig']['S3OutputPath']}/{name}/output/model.tar.gz"
        end = {
            "TrainingJobStatus": status,
            "SecondaryStatus": secondary,
            "SecondaryStatusTransitions": [{"Status": one} for one in statuses],
            "TrainingTimeInSeconds": 600,
            "BillableTimeInSeconds": 200,
            "ModelArtifacts": {"S3ModelArtifacts": artifacts},
        }
        self._start(name, {**request, **end}, reason)
        return {"TrainingJobArn": f"arn:aws:sagemaker:x:1:training-job/{name}"}

    def _create_processing_job(self, request: dict[str, Any]) -> dict[str, Any]:
        status, reason = self.chance.choice(PROCESSING_ENDS)
        name = request["ProcessingJobName"]
        self._start(name, {**request, "ProcessingJobStatus": status}, reason)
        return {"ProcessingJobArn": f"arn:aws:sagemaker:x:1:processing-job/{name}"}

    def _start(self, name: str, job: dict[str, Any], reason: str) -> None:
        if name in self.jobs:
            self.kinds.add("job found again")
            raise refusal("ResourceInUse", f"a job with the name {name} already exists", "Create")
        if self.chance.random() < self.rate / 4:
            self.kinds.add("quota")
            raise refusal("ResourceLimitExceeded", "The account-level service limit", "Create")
        kind = _kind(job)
        self.left += [n for n in self.jobs.keys() - self.ended if kind in self.jobs[n]]
        self.kinds.add(f"job {job.get('SecondaryStatus', '')} {reason[:13]}")
        looks = {"looks_left": self.chance.randint(0, 3)}
        self.jobs[name] = {**job, **looks, **({"FailureReason": reason} if reason else {})}

    def _describe_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request.get("TrainingJobName") or request["ProcessingJobName"]
        described = dict(self.jobs[name])
        if described.pop("looks_left") > 0:
            self.jobs[name]["looks_left"] -= 1
            return {**described, _kind(described): "InProgress"}
        self.ended.add(name)
        return described

    _describe_processing_job = _describe_training_job

    def _stop_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        job = self.jobs[request.get("TrainingJobName") or request["ProcessingJobName"]]
        job |= {_kind(job): "Stopped", "SecondaryStatus": "Stopped", "looks_left": 0}
        return {}

    _stop_processing_job = _stop_training_job


def _kind(job: dict[str, Any]) -> str:
    """The member that says how far it is."""
    return "TrainingJobStatus" if "TrainingJobStatus" in job else "ProcessingJobStatus"


_TROUBLE = [("ThrottlingException", "Rate exceeded"), ("AccessDeniedException", "Not now")]
_TROUBLES = {
    "lambda": [("TooManyRequestsException", "Rate exceeded"), ("ServiceException", "It broke")],
    "dynamodb": [("ProvisionedThroughputExceededException", "Slow down")],
    "s3": [("SlowDown", "Please reduce your request rate.")],
}


class Client:
    """A boto3 client of one of the services."""

    def __init__(self, services: Services, service: str) -> None:
        self._services, self._service = services, service

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        return lambda **request: self._services.call(self._service, operation, request)
