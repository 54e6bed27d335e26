"""What services tell each other. Every channel does nothing until its service has connected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from localcloud.calls import Caller, Request, Response, ServiceError

Emit = Callable[[str, str, Mapping[str, Any], Iterable[str]], object]
Sample = Callable[[float], None]
AlarmAction = Callable[[str, dict[str, Any]], None]


class Events:
    """The default event bus, as the services that put their own events on it know it."""

    def __init__(self) -> None:
        self._emit: Emit | None = None

    def connect(self, emit: Emit) -> None:
        self._emit = emit

    def emit(
        self,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: Iterable[str] = (),
    ) -> None:
        """Put an event of a service's own (`aws.s3`) on the bus."""
        if self._emit is not None:
            self._emit(source, detail_type, detail, resources)


class Monitor(Protocol):
    """What CloudWatch does with what it is told."""

    def record(
        self,
        namespace: str,
        name: str,
        dimensions: dict[str, str],
        value: float,
        unit: str,
        at: float | None = None,
    ) -> None: ...

    def record_embedded_metrics(self, message: str) -> None: ...


class Metrics:
    """What services measure, and what alarms on it set going."""

    def __init__(self) -> None:
        self._monitor: Monitor | None = None
        self._samplers: list[Sample] = []
        self._actions: dict[str, AlarmAction] = {}

    def connect(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def record(
        self,
        namespace: str,
        name: str,
        dimensions: dict[str, str],
        value: float,
        unit: str,
        at: float | None = None,
    ) -> None:
        """One value of a metric, as of `at`: seconds since the epoch in the cloud's time (now)."""
        if self._monitor is not None:
            self._monitor.record(namespace, name, dimensions, value, unit, at)

    def record_embedded(self, message: str) -> None:
        """The metrics that a log line carries in CloudWatch's embedded metric format."""
        if self._monitor is not None:
            self._monitor.record_embedded_metrics(message)

    def on_sample(self, sample: Sample) -> None:
        """Let `sample(at)` measure what has a length rather than a number of calls."""
        self._samplers.append(sample)

    def sample(self, at: float) -> None:
        """Measure, as of `at`, what alarms are about to be evaluated by."""
        for sample in self._samplers:
            sample(at)

    def on_alarm(self, service: str, action: AlarmAction) -> None:
        """Let `action(action_arn, alarm)` carry out alarm actions whose ARN is of `service`."""
        self._actions[service] = action

    def alarm_action(self, service: str) -> AlarmAction | None:
        return self._actions.get(service)


class StreamedResponse(Protocol):
    """A function's streamed HTTP response. `chunks` may have close(), which ends the call."""

    status: int
    headers: dict[str, str]
    cookies: list[str]

    @property
    def chunks(self) -> Iterable[bytes]: ...


class Invoker(Protocol):
    """What Lambda does for callers in the cloud's own process."""

    def invoke(self, request: Request, caller: Caller) -> Response: ...

    def invoke_stream(self, function_arn: str, payload: dict[str, Any]) -> StreamedResponse: ...


class Functions:
    """Lambda's functions, for a service whose callers have been checked already."""

    def __init__(self) -> None:
        self._invoker: Invoker | None = None

    def connect(self, invoker: Invoker) -> None:
        self._invoker = invoker

    def invoke(self, request: Request, caller: Caller) -> Response:
        """Lambda's operation Invoke. Raises ServiceError as it does."""
        return self._connected().invoke(request, caller)

    def invoke_stream(self, function_arn: str, payload: dict[str, Any]) -> StreamedResponse:
        """The function's answer, once its status and headers are known.

        Raises FunctionError where the function fails before it answers, NotStreamedError where its
        answer is no streamed HTTP response, and ServiceError as InvokeWithResponseStream does.
        """
        return self._connected().invoke_stream(function_arn, payload)

    def _connected(self) -> Invoker:
        if self._invoker is None:
            raise ServiceError("ServiceUnavailableException", "this cloud runs no Lambda", 503)
        return self._invoker
