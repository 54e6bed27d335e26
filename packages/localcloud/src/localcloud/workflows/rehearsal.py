"""A state machine run for real over clients of one's own, in time that is never waited for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from queue import Queue
from typing import Any, cast

from localcloud.account import Account
from localcloud.calls import Caller
from localcloud.channels import Events, Metrics
from localcloud.clock import Clock
from localcloud.workflows.service import StepFunctionsService

_ROLE = "arn:aws:iam::123456789012:role/rehearsal"
_SECONDS = 60.0


class SkippingClock(Clock):
    """Whoever sleeps moves the time on instead."""

    def wait_until(self, when: datetime, stop: threading.Event | None = None) -> bool:
        if not (stop and stop.is_set()):
            self.advance(max(when - self.now(), timedelta(0)))
        return not (stop and stop.is_set())


class Rehearsal:
    """Executions of one definition, one at a time.

    `client` gives by a service's botocore name what answers for it: an object with boto3's methods,
    which may raise botocore's ClientError.
    """

    def __init__(self, definition: str, client: Callable[[str], Any]) -> None:
        self._ends: Queue[dict[str, Any]] = Queue()
        account = _Account(client, self._ends)
        # Of an account it needs no more than this.
        self._service = StepFunctionsService(cast(Account, account))
        request = {"name": "rehearsal", "definition": definition, "roleArn": _ROLE}
        made = self._service.create_state_machine(request, Caller.administrator())
        self._machine = made["stateMachineArn"]

    def start(self, name: str, data: Any) -> str:
        """Start an execution; its ARN."""
        request = {"stateMachineArn": self._machine, "name": name, "input": json.dumps(data)}
        started = self._service.start_execution(request, Caller.administrator())
        return str(started["executionArn"])

    def end(self) -> dict[str, Any]:
        """The detail of the status event that tells of the execution's end, once there is one.

        Raises queue.Empty where there is none in a minute of real time.
        """
        return self._ends.get(timeout=_SECONDS)

    def stop(self, arn: str) -> None:
        self._service.stop_execution({"executionArn": arn}, Caller.administrator())

    def redrive(self, arn: str) -> None:
        """Go on from the state that ended the execution badly."""
        self._service.redrive_execution({"executionArn": arn}, Caller.administrator())


class _Account:
    """What the interpreter needs of an account."""

    id, region = "123456789012", "us-east-1"

    def __init__(self, client: Callable[[str], Any], ends: Queue[dict[str, Any]]) -> None:
        self._client = client
        self.clock, self.events, self.metrics = SkippingClock(), Events(), Metrics()

        def emit(
            source: str, detail_type: str, detail: Mapping[str, Any], resources: Iterable[str]
        ) -> None:
            if detail["status"] != "RUNNING":
                ends.put(dict(detail))

        self.events.connect(emit)

    def lent_client(self, service: str, caller: Caller) -> Any:
        return self._client(service)
