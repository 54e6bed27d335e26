"""CloudWatch metrics of invocations, and of how many are under way; written once a second."""

from __future__ import annotations

import logging
import threading
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.sagemaker.fleet import Fleet

_log = logging.getLogger(__name__)
_NAMESPACE = "AWS/SageMaker"
_INTERVAL_SECONDS = 1.0
_MINUTE = timedelta(minutes=1)
_MAX_DATA = 500
# How often the requests under way are counted.
_SAMPLE_SECONDS = 10.0
# Of time that is skipped, so much is sampled as it was.
_MAX_SKIPPED = timedelta(hours=1)

Dimensions = tuple[tuple[str, str], ...]


class InvocationMetrics:
    """Collects what each invocation was like and writes it in batches."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._pending: deque[dict[str, Any]] = deque()
        self._fleets: dict[tuple[Dimensions, str], Fleet] = {}
        self._next_sample = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="invocation metrics", daemon=True)

    def start(self) -> None:
        self._account.clock.on_advance(self._sample_skipped)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2)

    def record(
        self,
        endpoint: str,
        variant: str,
        status: int,
        latency_seconds: float,
        instances: int,
        component: str | None = None,
    ) -> None:
        """An invocation that is over; `instances` are a component's copies, where it was one."""
        values = {
            "Invocations": (1.0, "Count"),
            "InvocationsPerInstance": (1.0 / max(instances, 1), "Count"),
            "ModelLatency": (latency_seconds * 1e6, "Microseconds"),
            "Invocation4XXErrors": (float(400 <= status < 500), "Count"),
            "Invocation5XXErrors": (float(status >= 500), "Count"),
        }
        now = self._account.clock.now()
        for name, (value, unit) in values.items():
            self._add(_of_variant(endpoint, variant), name, value, unit, now)
            if component:
                name = name.replace("PerInstance", "PerCopy")
                self._add(_of_component(component), name, value, unit, now)

    def no_capacity(self, component: str) -> None:
        """A component without a copy was asked: what scaling from none listens to."""
        now, name = self._account.clock.now(), "NoCapacityInvocationFailures"
        self._add(_of_component(component), name, 1.0, "Count", now)

    def watch(self, endpoint: str, fleet: Fleet, component: str | None = None) -> None:
        """Count the requests under way on a fleet from now on, in place of the one before it."""
        key = (
            (_of_component(component), "ConcurrentRequestsPerCopy")
            if component
            else (_of_variant(endpoint, fleet.name), "ConcurrentRequestsPerModel")
        )
        self._fleets[key] = fleet

    def sample(self, when: datetime) -> None:
        """How many requests each instance, or copy, has under way, as of `when`."""
        for (dimensions, name), fleet in list(self._fleets.items()):
            each = fleet.num_in_flight / max(fleet.current_count, 1)
            self._add(dimensions, name, each, "Count", when)

    def _sample_skipped(self, duration: timedelta) -> None:
        """Time that somebody skips was as this moment is."""
        now = self._account.clock.now()
        for ago in range(int(min(duration, _MAX_SKIPPED) / _MINUTE), -1, -1):
            self.sample(now - ago * _MINUTE)

    def _add(self, of: Dimensions, name: str, value: float, unit: str, when: datetime) -> None:
        dimensions = [{"Name": dimension, "Value": text} for dimension, text in of]
        datum = {"MetricName": name, "Dimensions": dimensions, "Timestamp": when}
        self._pending.append({**datum, "Value": value, "Unit": unit})

    def flush(self) -> None:
        client = self._account.client("cloudwatch")
        while self._pending:
            size = min(len(self._pending), _MAX_DATA)
            batch = [self._pending.popleft() for _ in range(size)]
            client.put_metric_data(Namespace=_NAMESPACE, MetricData=batch)

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            now = self._account.clock.now()
            if now.timestamp() >= self._next_sample:
                self._next_sample = now.timestamp() + _SAMPLE_SECONDS
                self.sample(now)
            try:
                self.flush()
            except (ClientError, BotoCoreError) as error:
                _log.warning("metrics of invocations are not kept: %s", error)


def _of_variant(endpoint: str, variant: str) -> Dimensions:
    return (("EndpointName", endpoint), ("VariantName", variant))


def _of_component(name: str) -> Dimensions:
    return (("InferenceComponentName", name),)
