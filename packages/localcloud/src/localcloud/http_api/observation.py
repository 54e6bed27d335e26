"""What API Gateway tells of its requests: metrics in CloudWatch and the stage's access log."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.gateway_responses import substitute
from localcloud.http_api.usage import method_settings

logger = logging.getLogger("localcloud.http_api")
_FLUSH_SECONDS = 0.5
_MAX_EVENTS = 500


class Observation:
    """Counts every finished request and writes the access log in the background."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lines: queue.SimpleQueue[tuple[str, int, str]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-logs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is still to be written; the cloud still answers."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def finished(self, exchange: Exchange) -> None:
        """Tell of a request whose response has gone out."""
        latency = round((time.perf_counter() - exchange.started) * 1000)
        self._measure(exchange, latency)
        settings = exchange.stage.get("accessLogSettings") or {}
        if settings.get("destinationArn") and settings.get("format"):
            line = substitute(settings["format"], _log_variables(exchange, latency))
            at = int(exchange.now.timestamp() * 1000)
            self._lines.put((settings["destinationArn"], at, line))

    def _measure(self, exchange: Exchange, latency: int) -> None:
        values = {
            "Count": (1.0, "Count"),
            "4XXError": (float(400 <= exchange.status < 500), "Count"),
            "5XXError": (float(exchange.status >= 500), "Count"),
            "Latency": (float(latency), "Milliseconds"),
        }
        if exchange.integration_ms is not None:
            values["IntegrationLatency"] = (float(exchange.integration_ms), "Milliseconds")
        api_name = {"ApiName": exchange.api.settings["name"]}
        dimensions = [api_name, {**api_name, "Stage": exchange.stage_name}]
        if exchange.route is not None and method_settings(exchange).get("metricsEnabled"):
            resource = exchange.route.resource["path"]
            method = {"Resource": resource, "Method": exchange.http_method}
            dimensions.append({**dimensions[1], **method})
        for each in dimensions:
            for name, (value, unit) in values.items():
                self._account.metrics.record("AWS/ApiGateway", name, each, value, unit)

    def _run(self) -> None:
        while not self._stopping.wait(_FLUSH_SECONDS):
            self._write()
        self._write()

    def _write(self) -> None:
        batches: dict[str, list[tuple[int, str]]] = {}
        while not self._lines.empty():
            destination, at, line = self._lines.get()
            batches.setdefault(destination, []).append((at, line))
        for destination, events in batches.items():
            try:
                self._deliver(destination, sorted(events))
            except (ClientError, BotoCoreError) as error:
                logger.warning("access log %s: %s", destination, error)

    def _deliver(self, destination: str, events: list[tuple[int, str]]) -> None:
        name = destination.split(":", 6)[-1]
        for start in range(0, len(events), _MAX_EVENTS):
            some = events[start : start + _MAX_EVENTS]
            if ":firehose:" in destination:
                records = [{"Data": f"{line}\n".encode()} for _, line in some]
                stream = destination.rsplit("/", 1)[-1]
                self._account.client("firehose").put_record_batch(
                    DeliveryStreamName=stream, Records=records
                )
            else:
                self._put_log_events(name.removesuffix(":*"), some)

    def _put_log_events(self, group: str, events: list[tuple[int, str]]) -> None:
        logs, stream = self._account.client("logs"), "api-gateway"
        made = [{"timestamp": at, "message": line} for at, line in events]
        try:
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=made)
        except logs.exceptions.ResourceNotFoundException:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=made)


def _log_variables(exchange: Exchange, latency: int) -> dict[str, Any]:
    context = exchange.context
    context["status"] = exchange.status
    context["responseLatency"] = latency
    context["responseLength"] = exchange.response_length
    context["integrationLatency"] = exchange.integration_ms
    context["integration"] = {
        "latency": exchange.integration_ms,
        "status": exchange.integration_status,
        "integrationStatus": exchange.integration_status,
    }
    return {"context": context, "stageVariables": exchange.stage_variables}
