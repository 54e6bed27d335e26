"""A cloud with the event services, and stand-ins for the services that events are sent to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.cloud import Cloud
from localcloud.events.firehose import FirehoseService
from localcloud.events.s3 import S3Service
from localcloud.events.scheduler import SchedulerService
from localcloud.events.service import EventBridgeService
from localcloud.events.sns import SnsService
from localcloud.service import MakeService, Service

ACCOUNT, REGION = "123456789012", "us-east-1"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/sender"


class RecordedLambda(Service):
    """Lambda, as far as a sender sees it.

    Anyone may call any function but `denied`; `missing` is not there.
    """

    service_name: ClassVar[str] = "lambda"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.calls: list[tuple[str, Any, Caller]] = []
        self.num_throttled = 0
        self.answer: Callable[[Any], Any] = lambda payload: None
        self.lock = threading.Lock()

    def invoke(self, request: Request, caller: Caller) -> Response:
        name = request["FunctionName"].rpartition(":")[2]
        if name == "missing":
            message = f"Function not found: {request['FunctionName']}"
            raise ServiceError("ResourceNotFoundException", message, 404)
        if request.get("InvocationType") == "DryRun":
            return {"StatusCode": 204}
        payload = json.loads(request["Payload"])
        with self.lock:
            if self.num_throttled > 0:
                self.num_throttled -= 1
                raise ServiceError("TooManyRequestsException", "Rate exceeded", 429)
            self.calls.append((name, payload, caller))
        if request.get("InvocationType") == "Event":
            return {"StatusCode": 202}
        return {"StatusCode": 200, "Payload": json.dumps(self.answer(payload)).encode()}

    def resource_policy(self, arn: str) -> dict[str, Any] | None:
        if arn.endswith(":denied"):
            return None
        statement = {"Effect": "Allow", "Principal": "*", "Action": "lambda:*", "Resource": arn}
        return {"Version": "2012-10-17", "Statement": [statement]}

    def payloads(self, name: str) -> list[Any]:
        with self.lock:
            return [payload for called, payload, _caller in self.calls if called == name]


class RecordedStates(Service):
    """Step Functions, as far as a sender sees it."""

    service_name: ClassVar[str] = "stepfunctions"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.started: list[tuple[Request, Caller]] = []

    def start_execution(self, request: Request, caller: Caller) -> Response:
        self.started.append((request, caller))
        return {"executionArn": "arn:execution", "startDate": self.account.clock.now()}


SERVICES: list[MakeService] = [
    EventBridgeService,
    SchedulerService,
    S3Service,
    SnsService,
    FirehoseService,
    RecordedLambda,
    RecordedStates,
]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(services=SERVICES, account=ACCOUNT, region=REGION) as running:
        yield running


@pytest.fixture
def functions(cloud: Cloud) -> RecordedLambda:
    return cloud.service(RecordedLambda)


@pytest.fixture
def machines(cloud: Cloud) -> RecordedStates:
    return cloud.service(RecordedStates)


@pytest.fixture
def role(cloud: Cloud) -> str:
    """A role that may do everything, and that the event services may take on."""
    iam = cloud.client("iam")
    services = [f"{name}.amazonaws.com" for name in ("events", "scheduler", "firehose", "lambda")]
    principal = {"Service": services}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    grant = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.create_role(RoleName="sender", AssumeRolePolicyDocument=_policy(trust))
    iam.put_role_policy(RoleName="sender", PolicyName="all", PolicyDocument=_policy(grant))
    return ROLE_ARN


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


def eventually(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """The condition's value once it is true; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)
    return value


class Queue:
    """An SQS queue that anyone may send to, and what has arrived in it."""

    def __init__(self, cloud: Cloud, name: str, **attributes: str) -> None:
        self.client = cloud.client("sqs")
        self.arn = f"{QUEUE_ARN}:{name}"
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": self.arn}
        attributes = {"Policy": _policy(statement)} | attributes
        self.url = self.client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.messages: list[dict[str, Any]] = []

    def receive(self, count: int = 1, seconds: float = 5.0) -> list[dict[str, Any]]:
        """At least `count` messages, as many as have come by then."""
        eventually(lambda: self._poll() >= count, seconds)
        return self.messages

    def bodies(self, count: int = 1) -> list[Any]:
        return [json.loads(message["Body"]) for message in self.receive(count)]

    def is_quiet(self) -> bool:
        time.sleep(0.2)
        return self._poll() == 0

    def _poll(self) -> int:
        received = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        for message in received.get("Messages", []):
            self.messages.append(message)
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return len(self.messages)


@pytest.fixture
def make_queue(cloud: Cloud) -> Callable[..., Queue]:
    return lambda name, **attributes: Queue(cloud, name, **attributes)
