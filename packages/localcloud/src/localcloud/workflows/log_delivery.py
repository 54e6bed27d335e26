"""An execution's history in CloudWatch Logs, as its state machine's logging asks for it.

Form: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.workflows.execution import RUNNING, Execution
from localcloud.workflows.history import without_data

_log = logging.getLogger(__name__)
_ENDINGS = ("Failed", "TimedOut", "Aborted")
# PutLogEvents takes at most this many events, and a MiB, at once.
_MAX_EVENTS, _MAX_BYTES = 1000, 900_000


def deliver(account: Account, execution: Execution) -> None:
    """Write the history of an execution that has ended, where its state machine logs."""
    configuration = execution.start.machine.settings.get("loggingConfiguration", {})
    if execution.status == RUNNING or configuration.get("level", "OFF") == "OFF":
        return
    entries = [
        _entry(event, execution, bool(configuration.get("includeExecutionData")))
        for event in execution.history.events
        if _is_logged(str(event["type"]), configuration["level"])
    ]
    for destination in configuration.get("destinations", []):
        arn = destination["cloudWatchLogsLogGroup"]["logGroupArn"]
        try:
            _write(account, arn.removesuffix(":*").partition(":log-group:")[2], execution, entries)
        except (BotoCoreError, ClientError) as error:
            _log.error("no log of execution %s: %s", execution.start.arn, error)


def _is_logged(kind: str, level: str) -> bool:
    if level == "ALL":
        return True
    if level == "FATAL":
        return kind.startswith("Execution") and kind.endswith(_ENDINGS)
    return kind.endswith(_ENDINGS) or kind == "FailStateEntered"


def _entry(event: dict[str, Any], execution: Execution, with_data: bool) -> dict[str, Any]:
    shown = event if with_data else without_data(event)
    details: dict[str, Any] = next(
        (value for name, value in shown.items() if name.endswith("Details")), {}
    )
    when: datetime = event["timestamp"]
    milliseconds = int(when.timestamp() * 1000)
    message = {
        "id": str(event["id"]),
        "type": event["type"],
        "details": details,
        "redrive_count": str(execution.redrive_count),
        "previous_event_id": str(event["previousEventId"]),
        "event_timestamp": str(milliseconds),
        "execution_arn": execution.start.arn,
    }
    return {"timestamp": milliseconds, "message": json.dumps(message, ensure_ascii=False)}


def _write(
    account: Account, group: str, execution: Execution, entries: list[dict[str, Any]]
) -> None:
    logs = account.client("logs")
    machine, name = execution.start.machine.name, execution.start.name
    stream = f"states/{machine}/{execution.started_at:%Y-%m-%d-%H-%M}/{name}"
    # A redriven execution goes on in the same stream.
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    for batch in _batches(entries):
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)


def _batches(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        length = len(entry["message"].encode())
        if batch and (len(batch) == _MAX_EVENTS or size + length > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch
