"""The metrics Lambda keeps of its functions (namespace AWS/Lambda)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from localcloud.account import Account
from localcloud.calls import ServiceError
from localcloud.functions.invocation import FunctionError


class FunctionMetrics:
    """Records them as functions are invoked."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @contextmanager
    def invocation(self, function_name: str, qualifier: str | None) -> Iterator[None]:
        """Count what happens inside: Invocations, Errors and Duration, or a Throttle."""
        dimensions = [{"FunctionName": function_name}]
        if qualifier:
            resource = {"Resource": f"{function_name}:{qualifier}"}
            dimensions.append(dimensions[0] | resource)
        started = time.monotonic()
        try:
            yield
        except ServiceError:
            self._record(dimensions, "Throttles", 1, "Count")
            raise
        except FunctionError:
            self._invoked(dimensions, started, errors=1)
            raise
        except GeneratorExit:
            self._invoked(dimensions, started, errors=0)
            raise
        self._invoked(dimensions, started, errors=0)

    def _invoked(self, dimensions: list[dict[str, str]], started: float, errors: int) -> None:
        milliseconds = (time.monotonic() - started) * 1000
        self._record(dimensions, "Invocations", 1, "Count")
        self._record(dimensions, "Errors", errors, "Count")
        self._record(dimensions, "Throttles", 0, "Count")
        self._record(dimensions, "Duration", milliseconds, "Milliseconds")

    def _record(self, dimensions: list[dict[str, str]], name: str, value: float, unit: str) -> None:
        for each in dimensions:
            self._account.metrics.record("AWS/Lambda", name, each, value, unit)
