"""A cloud with a clock and fake clients, and what runs state machines on it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from localcloud.calls import Caller
from localcloud.channels import Events, Metrics
from localcloud.clock import Clock
from localcloud.workflows.service import StepFunctionsService

ROLE = "arn:aws:iam::123456789012:role/machine"
ADMINISTRATOR = Caller.administrator()


class FakeClient:
    """A boto3 client whose operations are functions given by a test."""

    def __init__(self, operations: dict[str, Callable[..., Any]]) -> None:
        self.__dict__.update(operations)


@dataclass
class FakeAccount:
    """What the interpreter needs of an account."""

    id: str = "123456789012"
    region: str = "us-east-1"
    clock: Clock = field(default_factory=Clock)
    events: Events = field(default_factory=Events)
    metrics: Metrics = field(default_factory=Metrics)
    operations: dict[str, dict[str, Callable[..., Any]]] = field(default_factory=dict)
    callers: list[Caller] = field(default_factory=list)

    def lent_client(self, service: str, caller: Caller) -> FakeClient:
        self.callers.append(caller)
        return FakeClient(self.operations[service])

    def function(self, handler: Callable[[Any], Any]) -> None:
        """Every Lambda function is `handler`; what it raises is the function's error."""

        def invoke(**request: Any) -> dict[str, Any]:
            try:
                payload = handler(json.loads(request.get("Payload", b"{}")))
            except Exception as error:  # noqa: BLE001 - as the Lambda runtime does
                body = {"errorType": type(error).__name__, "errorMessage": str(error)}
                answer = json.dumps(body).encode()
                return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": answer}
            return {"StatusCode": 200, "Payload": json.dumps(payload).encode()}

        self.operations["lambda"] = {"invoke": invoke}


class Workflows:
    """Creates and runs state machines through the service's own operations."""

    def __init__(self, cloud: FakeAccount) -> None:
        self.cloud = cloud
        self.service = StepFunctionsService(cloud)  # type: ignore[arg-type]
        self._count = 0

    def create(self, definition: dict[str, Any], **more: Any) -> str:
        self._count += 1
        request = {
            "name": f"machine-{self._count}",
            "definition": json.dumps(definition),
            "roleArn": ROLE,
            **more,
        }
        arn = self.service.create_state_machine(request, ADMINISTRATOR)["stateMachineArn"]
        return str(arn)

    def start(self, definition: dict[str, Any], data: Any = None, **more: Any) -> str:
        machine = self.create(definition)
        request = {"stateMachineArn": machine, "input": json.dumps(data or {}), **more}
        return str(self.service.start_execution(request, ADMINISTRATOR)["executionArn"])

    def describe(self, arn: str) -> dict[str, Any]:
        return self.service.describe_execution({"executionArn": arn}, ADMINISTRATOR)

    def wait(self, arn: str, seconds: float = 10) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (described := self.describe(arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, self.kinds(arn)
            time.sleep(0.005)
        return described

    def run(self, definition: dict[str, Any], data: Any = None) -> dict[str, Any]:
        """Run to the end; the description."""
        return self.wait(self.start(definition, data))

    def output(self, definition: dict[str, Any], data: Any = None) -> Any:
        """Run to a success; the output."""
        described = self.run(definition, data)
        assert described["status"] == "SUCCEEDED", described
        return json.loads(described["output"])

    def history(self, arn: str) -> list[dict[str, Any]]:
        events = self.service.get_execution_history(
            {"executionArn": arn, "maxResults": 1000}, ADMINISTRATOR
        )["events"]
        return list(events)

    def kinds(self, arn: str) -> list[str]:
        return [event["type"] for event in self.history(arn)]

    def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)


@pytest.fixture
def cloud() -> FakeAccount:
    return FakeAccount()


@pytest.fixture
def workflows(cloud: FakeAccount) -> Iterator[Workflows]:
    running = Workflows(cloud)
    yield running
    running.service.stop()


@pytest.fixture
def running_time(cloud: FakeAccount) -> Iterator[None]:
    """Time runs a thousand times as fast, as seen by waits and retries."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.005):
            cloud.clock.advance(timedelta(seconds=5))

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


def machine(query_language: str = "JSONPath", **states: dict[str, Any]) -> dict[str, Any]:
    """A definition whose states follow each other in order, the last one ending it."""
    names = list(states)
    linked = {}
    for name, following in zip(names, [*names[1:], None], strict=True):
        state = dict(states[name])
        ends = state["Type"] in {"Choice", "Succeed", "Fail"} or state.keys() & {"Next", "End"}
        if not ends:
            state |= {"Next": following} if following else {"End": True}
        linked[name] = state
    return {"QueryLanguage": query_language, "StartAt": names[0], "States": linked}


@pytest.fixture(name="machine")
def machine_builder() -> Callable[..., dict[str, Any]]:
    return machine
