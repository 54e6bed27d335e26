"""What functions print, on its way to CloudWatch Logs."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.calls import Caller

logger = logging.getLogger(__name__)
_MAX_EVENTS = 1000
_GATHER_SECONDS = 0.2
_MAX_BATCH_BYTES = 1_000_000
_MAX_LINE_CHARACTERS = 200_000


@dataclass(frozen=True)
class LogStream:
    """Where a process's lines go, and the role that writes them there."""

    group: str
    name: str
    role_arn: str
    function_name: str


class LogWriter:
    """Writes lines in the background, in batches, in order, as the function's role.

    As in Lambda, a role without `logs:PutLogEvents` loses the lines; that is said once, in the
    cloud's own log. Lines that are embedded metrics are offered to CloudWatch.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lines: deque[tuple[LogStream, int, str]] = deque()
        self._pending = threading.Condition()
        self._writing = False
        self._stopping = False
        self._clients: dict[tuple[str, str], Any] = {}
        self._created: set[LogStream] = set()
        self._lost: set[str] = set()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lambda-logs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, then end."""
        with self._pending:
            self._stopping = True
            self._hurry.set()
            self._pending.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def write(self, stream: LogStream, line: str) -> None:
        milliseconds = int(self._account.clock.time() * 1000)
        with self._pending:
            self._lines.append((stream, milliseconds, line[:_MAX_LINE_CHARACTERS]))
            self._pending.notify()

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Wait until everything written so far is in CloudWatch Logs; False when it took longer."""
        self._hurry.set()
        try:
            with self._pending:
                return self._pending.wait_for(
                    lambda: not self._lines and not self._writing, timeout_seconds
                )
        finally:
            if not self._stopping:
                self._hurry.clear()

    def _run(self) -> None:
        while batch := self._next_batch():
            for stream, events in _by_stream(batch).items():
                self._put(stream, events)
            self._offer_metrics([line for _, _, line in batch])
            with self._pending:
                self._writing = False
                self._pending.notify_all()

    def _next_batch(self) -> list[tuple[LogStream, int, str]]:
        with self._pending:
            self._pending.wait_for(lambda: self._lines or self._stopping)
        # A burst of short invocations becomes one call instead of many.
        self._hurry.wait(_GATHER_SECONDS)
        with self._pending:
            batch: list[tuple[LogStream, int, str]] = []
            size = 0
            while self._lines and len(batch) < _MAX_EVENTS and size < _MAX_BATCH_BYTES:
                batch.append(self._lines.popleft())
                size += 4 * len(batch[-1][2]) + 26
            self._writing = bool(batch)
            return batch

    def _put(self, stream: LogStream, events: list[dict[str, Any]]) -> None:
        client = self._client(stream)
        names = {"logGroupName": stream.group, "logStreamName": stream.name}
        try:
            if stream not in self._created:
                _create(client, names)
                self._created.add(stream)
            client.put_log_events(**names, logEvents=events)
        except (ClientError, BotoCoreError) as error:
            if not self._stopping and stream.function_name not in self._lost:
                self._lost.add(stream.function_name)
                logger.warning("logs of the function %s are lost: %s", stream.function_name, error)

    def _client(self, stream: LogStream) -> Any:
        key = (stream.role_arn, stream.function_name)
        if key not in self._clients:
            caller = Caller.role(stream.role_arn, stream.function_name)
            self._clients[key] = self._account.client("logs", caller)
        return self._clients[key]

    def _offer_metrics(self, lines: list[str]) -> None:
        for line in lines:
            if '"_aws"' in line:
                self._account.metrics.record_embedded(line)


def log_stream_name(version: str) -> str:
    """A log stream's name as Lambda makes it."""
    now = time.gmtime()
    return f"{time.strftime('%Y/%m/%d', now)}/[{version}]{time.time_ns():032x}"


def _create(client: Any, names: dict[str, str]) -> None:
    try:
        client.create_log_stream(**names)
    except client.exceptions.ResourceNotFoundException:
        with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_group(logGroupName=names["logGroupName"])
        client.create_log_stream(**names)


def _by_stream(
    batch: list[tuple[LogStream, int, str]],
) -> dict[LogStream, list[dict[str, Any]]]:
    events: dict[LogStream, list[dict[str, Any]]] = defaultdict(list)
    for stream, milliseconds, line in batch:
        if line:
            events[stream].append({"timestamp": milliseconds, "message": line})
    return events
