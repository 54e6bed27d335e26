"""SQS beyond moto: long polls that hold nothing up, and messages that heed the cloud's clock."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from moto.sqs.models import sqs_backends

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.service import Service
from localcloud.storage.moto_backend import MotoBackend
from localcloud.storage.queue_metrics import QueueMetrics

_LOOK_AGAIN_SECONDS = 0.2
# SQS developer guide, "Amazon SQS message quotas" and SetQueueAttributes: least and most.
_RANGES = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
_SENDING = ("SendMessage", "SendMessageBatch", "ChangeMessageVisibility")


class SqsService(Service):
    """Waits for messages outside of moto's lock; all else is moto's."""

    service_name = "sqs"
    extends_moto = True

    def __init__(self, account: Account, moto: MotoBackend) -> None:
        super().__init__(account)
        self._moto = moto
        self._arrived = threading.Condition()
        self._metrics = QueueMetrics(account)
        account.metrics.on_sample(self._sample)

    def start(self) -> None:
        self.account.clock.on_advance(self._follow_clock)

    def stop(self) -> None:
        with self._arrived:
            self._arrived.notify_all()

    def receive_message(self, request: Request, caller: Caller) -> Response:
        once = request | {"WaitTimeSeconds": 0}
        if not 0 <= request.get("WaitTimeSeconds", 0) <= 20:
            once = request  # moto refuses it in SQS's words.
        queue = self._queue(request["QueueUrl"])
        result = self._moto.invoke("sqs", "ReceiveMessage", once)
        until = self.account.clock.time() + _wait_seconds(request, queue)
        while not result.get("Messages") and self._waits(until):
            if queue is not None and queue.messages:
                result = self._moto.invoke("sqs", "ReceiveMessage", once)
        self._metrics.called("ReceiveMessage", request, result)
        return result

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        for name, value in (request.get("Attributes") or {}).items():
            if name in _RANGES and not _is_within(value, *_RANGES[name]):
                message = f"Invalid value for the parameter {name}."
                raise ServiceError("InvalidAttributeValue", message)

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        if operation.startswith(_SENDING):
            with self._arrived:
                self._arrived.notify_all()
        self._metrics.called(operation, request, response)

    def _sample(self, at: float) -> None:
        for queue in list(self._queues().values()):
            self._metrics.sample(queue, at)

    def _waits(self, until: float) -> bool:
        """Wait a little for a message; False when the time is up."""
        remaining = until - self.account.clock.time()
        if remaining <= 0 or self.account.stopping.is_set():
            return False
        with self._arrived:
            self._arrived.wait(min(remaining, _LOOK_AGAIN_SECONDS))
        return True

    def _follow_clock(self, advanced: timedelta) -> None:
        """Bring every message's delay and invisibility nearer by what the clock was advanced."""
        step = advanced.total_seconds() * 1000
        self._metrics.follow_clock(advanced)
        with self._arrived:
            for queue in list(self._queues().values()):
                for message in list(queue._messages):
                    message.visible_at -= step
                    message.delayed_until -= step
            self._arrived.notify_all()

    def _queue(self, url: str) -> Any:
        return self._queues().get(url.rstrip("/").rpartition("/")[2])

    def _queues(self) -> dict[str, Any]:
        return sqs_backends[self.account.id][self.account.region].queues


def _is_within(value: str, least: int, most: int) -> bool:
    return value.isdecimal() and least <= int(value) <= most


def _wait_seconds(request: Request, queue: Any) -> float:
    if "WaitTimeSeconds" in request:
        return float(request["WaitTimeSeconds"])
    return float(queue.receive_message_wait_time_seconds or 0) if queue is not None else 0.0
