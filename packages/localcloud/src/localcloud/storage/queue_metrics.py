"""The metrics SQS keeps of its queues (namespace AWS/SQS).

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from localcloud.account import Account
from localcloud.calls import Request, Response

_SENT = ("SendMessage", "SendMessageBatch")
_DELETED = ("DeleteMessage", "DeleteMessageBatch")


class QueueMetrics:
    """Records them as calls are made, and as they are sampled."""

    def __init__(self, account: Account) -> None:
        self._account = account
        # When the clock was advanced in real time, which moto stamps messages with, and by what.
        self._advances: list[tuple[float, float]] = []

    def follow_clock(self, advanced: timedelta) -> None:
        self._advances.append((time.time(), advanced.total_seconds()))

    def called(self, operation: str, request: Request, response: Response) -> None:
        """Count what an operation has sent, received or deleted."""
        name = str(request.get("QueueUrl", "")).rstrip("/").rpartition("/")[2]
        if operation in _SENT:
            self._sent(name, request, response)
        elif operation in _DELETED:
            self._record(name, "NumberOfMessagesDeleted", _carried_out(response))
        elif operation == "ReceiveMessage":
            received = len(response.get("Messages", []))
            self._record(name, "NumberOfMessagesReceived", received)
            self._record(name, "NumberOfEmptyReceives", 0 if received else 1)

    def sample(self, queue: Any, at: float) -> None:
        """Measure how long a queue of moto's is, as of `at` (seconds in the cloud's time)."""
        messages = list(queue._messages)
        hidden = [m for m in messages if not m.visible]
        delayed = [m for m in messages if m.visible and m.delayed]
        visible = len(messages) - len(hidden) - len(delayed)
        self._record(queue.name, "ApproximateNumberOfMessagesVisible", visible, at=at)
        self._record(queue.name, "ApproximateNumberOfMessagesNotVisible", len(hidden), at=at)
        self._record(queue.name, "ApproximateNumberOfMessagesDelayed", len(delayed), at=at)
        age = max((self._age(m.sent_timestamp / 1000) for m in messages), default=0.0)
        self._record(queue.name, "ApproximateAgeOfOldestMessage", int(age), "Seconds", at)

    def _age(self, sent: float) -> float:
        return time.time() - sent + sum(step for when, step in self._advances if when >= sent)

    def _sent(self, name: str, request: Request, response: Response) -> None:
        self._record(name, "NumberOfMessagesSent", _carried_out(response))
        refused = {entry["Id"] for entry in response.get("Failed", [])}
        for entry in request.get("Entries", [request]):
            if entry.get("Id") not in refused:
                size = len(entry["MessageBody"].encode())
                self._record(name, "SentMessageSize", size, "Bytes")

    def _record(
        self,
        queue_name: str,
        metric: str,
        value: float,
        unit: str = "Count",
        at: float | None = None,
    ) -> None:
        dimensions = {"QueueName": queue_name}
        self._account.metrics.record("AWS/SQS", metric, dimensions, value, unit, at)


def _carried_out(response: Response) -> int:
    """How many messages: those of a batch that weren't refused, or the one."""
    return len(response["Successful"]) if "Successful" in response else 1
