"""Containers' output to CloudWatch Logs: batched, nothing lost, nothing twice."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.calls import Caller

_log = logging.getLogger(__name__)
_MAX_EVENTS = 10_000
_MAX_BATCH_BYTES = 1_000_000
_EVENT_OVERHEAD_BYTES = 26
_MAX_MESSAGE_BYTES = 200_000
_TAIL_LINES = 40


class LogStream:
    """One stream of a log group, written twice a second with its owner's role.

    As in AWS, a role that may not write logs does not stop the container: its logs are missing.
    """

    def __init__(
        self, account: Account, group: str, stream: str, role_arn: str, session: str
    ) -> None:
        self._account, self._group, self._stream = account, group, stream
        self._client = account.client("logs", Caller.role(role_arn, session))
        self._pending: deque[dict[str, Any]] = deque()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._readers: list[threading.Thread] = []
        self._closed = threading.Event()
        self._is_kept = True
        self._writer = threading.Thread(target=self._write, name=f"logs {stream}", daemon=True)
        self._writer.start()

    def follow(self, output: IO[bytes], each_line: Callable[[str], None] | None = None) -> None:
        """Keep what comes out of a pipe until its end, and hand each line to `each_line`."""
        reader = threading.Thread(target=self._read, args=(output, each_line), daemon=True)
        self._readers.append(reader)
        reader.start()

    def tail(self, lines: int = 10) -> str:
        return "\n".join(list(self._tail)[-lines:])

    def drain(self, timeout_seconds: float = 5.0) -> None:
        """Wait until everything that ended processes have written was read."""
        for reader in self._readers:
            reader.join(timeout_seconds)

    def close(self) -> None:
        """Write what is left. Call it when the processes have ended."""
        self.drain()
        self._closed.set()
        self._writer.join(30)

    def _read(self, output: IO[bytes], each_line: Callable[[str], None] | None) -> None:
        with output:
            for raw in iter(lambda: output.readline(_MAX_MESSAGE_BYTES), b""):
                # A progress bar redraws its line: keep what would be seen last.
                line = raw.decode("utf-8", "replace").rstrip("\r\n").rpartition("\r")[2]
                timestamp = int(self._account.clock.time() * 1000)
                self._tail.append(line)
                if self._is_kept:
                    # CloudWatch Logs takes no empty message.
                    self._pending.append({"timestamp": timestamp, "message": line or " "})
                if each_line:
                    each_line(line)

    def _write(self) -> None:
        try:
            self._create()
            closed = False
            while not closed:
                closed = self._closed.wait(0.5)
                while batch := self._next_batch():
                    self._client.put_log_events(
                        logGroupName=self._group, logStreamName=self._stream, logEvents=batch
                    )
        except (ClientError, BotoCoreError) as error:
            self._is_kept = False
            _log.warning("%s: the logs of %s are not kept: %s", self._group, self._stream, error)

    def _create(self) -> None:
        for create, names in (
            (self._client.create_log_group, {"logGroupName": self._group}),
            (
                self._client.create_log_stream,
                {"logGroupName": self._group, "logStreamName": self._stream},
            ),
        ):
            try:
                create(**names)
            except self._client.exceptions.ResourceAlreadyExistsException:
                continue

    def _next_batch(self) -> list[dict[str, Any]]:
        batch: list[dict[str, Any]] = []
        size = 0
        while self._pending and len(batch) < _MAX_EVENTS:
            size += len(self._pending[0]["message"].encode()) + _EVENT_OVERHEAD_BYTES
            if size > _MAX_BATCH_BYTES and batch:
                break
            batch.append(self._pending.popleft())
        # Several hosts' readers share no stream, but a clock that is set may still go back.
        return sorted(batch, key=lambda event: event["timestamp"])
