"""Carries events to their targets: in the background, again after a failure, never lost silently.

At least once: a delivery that failed midway is made again.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from localcloud.clock import Clock
from localcloud.events.timetable import Timetable

_log = logging.getLogger("localcloud.events")

_LONGEST_BACKOFF_SECONDS = 300
_KEPT_FAILURES = 1000
_TRANSIENT_CODES = {
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ServiceUnavailableException",
}


class RefusedError(Exception):
    """A target that answered, and said no."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


_DELIVERY_ERRORS = (BotoCoreError, ClientError, RefusedError)


@dataclass(frozen=True)
class Retries:
    """How long to go on trying: EventBridge's own defaults."""

    maximum_attempts: int = 185
    maximum_age: timedelta = timedelta(hours=24)

    @classmethod
    def of(cls, policy: dict[str, int] | None) -> Retries:
        """From a `RetryPolicy` of a target."""
        policy = policy or {}
        return cls(
            policy.get("MaximumRetryAttempts", cls.maximum_attempts),
            timedelta(seconds=policy.get("MaximumEventAgeInSeconds", 24 * 60 * 60)),
        )


@dataclass(frozen=True)
class Failure:
    """A delivery that was given up: why, and after how many retries.

    `condition` is the limit that was reached (`MaximumRetryAttempts`, `MaximumEventAgeInSeconds`),
    None where trying again would have been useless.
    """

    description: str
    code: str
    message: str
    retries: int
    condition: str | None
    time: datetime


@dataclass
class Delivery:
    """One event on its way to one target. Deliveries of the same lane keep their order.

    A `persistent` one is tried again after a refusal too: a grant may come while it waits.
    """

    description: str
    lane: str
    send: Callable[[], None]
    created: datetime
    retries: Retries = field(default_factory=Retries)
    on_failure: Callable[[Failure], None] | None = None
    persistent: bool = False
    attempts: int = 0


class Courier:
    """Makes deliveries on a few threads, which start with the first one."""

    def __init__(self, clock: Clock, name: str, num_lanes: int = 4) -> None:
        self._clock, self._name = clock, name
        self._lanes: list[queue.SimpleQueue[Delivery | None]] = [
            queue.SimpleQueue() for _ in range(num_lanes)
        ]
        self._threads: list[threading.Thread] = []
        self._later = Timetable(clock, f"{name}-retries")
        self._lock = threading.Lock()
        self._num_pending = self._num_waiting = 0
        self._closed = False
        self.failures: deque[Failure] = deque(maxlen=_KEPT_FAILURES)

    @property
    def num_undelivered(self) -> int:
        """Deliveries accepted and neither made nor given up."""
        return self._num_pending

    @property
    def num_waiting(self) -> int:
        """Those of the undelivered that wait to be tried again."""
        return self._num_waiting

    def post(self, delivery: Delivery) -> None:
        with self._lock:
            if self._closed:
                _log.error("%s: the cloud is stopping, not delivered", delivery.description)
                return
            self._start_threads()
            self._num_pending += 1
        self._enqueue(delivery)

    def stop(self, drain_seconds: float = 2.0) -> None:
        """Let what is on its way arrive, then end the threads and say what didn't."""
        deadline = time.monotonic() + drain_seconds
        while self._num_pending > self._num_waiting and time.monotonic() < deadline:
            time.sleep(0.01)
        with self._lock:
            self._closed = True
        if self._threads:
            self._later.stop()
        for lane in self._lanes:
            lane.put(None)
        for thread in self._threads:
            thread.join(timeout=1)
        if self._num_pending:
            _log.error("%s: stopped with %d events undelivered", self._name, self._num_pending)

    def _start_threads(self) -> None:
        if self._threads:
            return
        self._later.start()
        for number, lane in enumerate(self._lanes):
            thread = threading.Thread(
                target=self._work, args=(lane,), name=f"{self._name}-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _enqueue(self, delivery: Delivery) -> None:
        number = zlib.crc32(delivery.lane.encode()) % len(self._lanes)
        self._lanes[number].put(delivery)

    def _work(self, lane: queue.SimpleQueue[Delivery | None]) -> None:
        while delivery := lane.get():
            if not self._closed:
                self._attempt(delivery)

    def _attempt(self, delivery: Delivery) -> None:
        try:
            delivery.send()
        except _DELIVERY_ERRORS as error:
            self._failed(delivery, error)
        except Exception as error:  # noqa: BLE001 - a bug in one delivery mustn't stop the lane
            _log.exception("%s: failed in the cloud itself", delivery.description)
            self._give_up(delivery, "INTERNAL_ERROR", str(error), None)
        else:
            self._done()

    def _failed(self, delivery: Delivery, error: Exception) -> None:
        code, message = _named(error)
        backoff = min(2.0**delivery.attempts, _LONGEST_BACKOFF_SECONDS)
        again = self._clock.now() + timedelta(seconds=backoff)
        if not is_transient(error) and not delivery.persistent:
            self._give_up(delivery, code, message, None)
        elif delivery.attempts >= delivery.retries.maximum_attempts:
            self._give_up(delivery, code, message, "MaximumRetryAttempts")
        elif again > delivery.created + delivery.retries.maximum_age:
            self._give_up(delivery, code, message, "MaximumEventAgeInSeconds")
        else:
            _log.warning("%s: %s: %s: trying again", delivery.description, code, message)
            self._retry(delivery, again)

    def _retry(self, delivery: Delivery, when: datetime) -> None:
        delivery.attempts += 1
        with self._lock:
            self._num_waiting += 1
        self._later.at(when, id(delivery), lambda _when: self._resume(delivery))

    def _resume(self, delivery: Delivery) -> None:
        with self._lock:
            self._num_waiting -= 1
        self._enqueue(delivery)

    def _give_up(self, delivery: Delivery, code: str, message: str, condition: str | None) -> None:
        retries, now = delivery.attempts, self._clock.now()
        failure = Failure(delivery.description, code, message, retries, condition, now)
        _log.error("%s: %s: %s (%d retries)", delivery.description, code, message, retries)
        self.failures.append(failure)
        if delivery.on_failure:
            try:
                delivery.on_failure(failure)
            except _DELIVERY_ERRORS as error:
                _log.error("%s: its dead-letter queue: %s", delivery.description, error)
        self._done()

    def _done(self) -> None:
        with self._lock:
            self._num_pending -= 1


def is_transient(error: Exception) -> bool:
    """True where the same call may succeed later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        throttled = error.response["Error"].get("Code") in _TRANSIENT_CODES
        return throttled or (status >= 500 and status != 501)
    return isinstance(error, ConnectionError | HTTPClientError)


def _named(error: Exception) -> tuple[str, str]:
    if isinstance(error, ClientError):
        details = error.response["Error"]
        return details.get("Code", "Unknown"), details.get("Message", str(error))
    if isinstance(error, RefusedError):
        return error.code, error.message
    return type(error).__name__, str(error)
