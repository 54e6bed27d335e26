"""CloudWatch metrics of invocations, written once a second."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account

_log = logging.getLogger(__name__)
_NAMESPACE = "AWS/SageMaker"
_INTERVAL_SECONDS = 1.0
_MAX_DATA = 500


class InvocationMetrics:
    """Collects what each invocation was like and writes it in batches."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._pending: deque[dict[str, Any]] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="invocation metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2)

    def record(
        self, endpoint: str, variant: str, status: int, latency_seconds: float, instances: int
    ) -> None:
        values = {
            "Invocations": (1.0, "Count"),
            "InvocationsPerInstance": (1.0 / max(instances, 1), "Count"),
            "ModelLatency": (latency_seconds * 1e6, "Microseconds"),
            "Invocation4XXErrors": (float(400 <= status < 500), "Count"),
            "Invocation5XXErrors": (float(status >= 500), "Count"),
        }
        now = self._account.clock.now()
        dimensions = [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": variant},
        ]
        for name, (value, unit) in values.items():
            self._pending.append(
                {
                    "MetricName": name,
                    "Dimensions": dimensions,
                    "Timestamp": now,
                    "Value": value,
                    "Unit": unit,
                }
            )

    def flush(self) -> None:
        client = self._account.client("cloudwatch")
        while self._pending:
            size = min(len(self._pending), _MAX_DATA)
            batch = [self._pending.popleft() for _ in range(size)]
            client.put_metric_data(Namespace=_NAMESPACE, MetricData=batch)

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            try:
                self.flush()
            except (ClientError, BotoCoreError) as error:
                _log.warning("metrics of invocations are not kept: %s", error)
