"""The metrics Lambda keeps of its functions (namespace AWS/Lambda)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from localcloud.functions.invocation import FunctionError
from localcloud.service import ServiceError

if TYPE_CHECKING:
    from localcloud.cloud import Cloud


class FunctionMetrics:
    """Records in CloudWatch, where the cloud runs it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

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
        record = getattr(self._cloud.services.get("cloudwatch"), "record", None)
        if record is not None:
            for each in dimensions:
                record("AWS/Lambda", name, each, value, unit)
