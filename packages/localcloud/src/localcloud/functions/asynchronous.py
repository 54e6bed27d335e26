"""Asynchronous invocation: events wait, are tried again, and end at a destination.

Semantics: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, ServiceError
from localcloud.functions.catalog import Catalog
from localcloud.functions.delivery import Delivery
from localcloud.functions.function import LATEST, Function, Version, reference
from localcloud.functions.invoker import Invoker, Outcome

logger = logging.getLogger(__name__)
_RETRY_SECONDS = (60, 120)
_THROTTLED_SECONDS = 1.0
_MAX_AGE_SECONDS = 6 * 3600
_WORKERS = 64


@dataclass
class QueuedEvent:
    """An event on its way to a function. `accepted` is in the cloud's time."""

    function_name: str
    qualifier: str | None
    payload: bytes
    accepted: float
    attempts: int = 0
    throttled: int = 0
    outcome: Outcome | None = field(default=None, repr=False)


class EventQueue:
    """Invokes functions with events, out of the sight of whoever sent them."""

    def __init__(self, account: Account, catalog: Catalog, invoker: Invoker) -> None:
        self._account = account
        self._catalog = catalog
        self._invoker = invoker
        self._delivery = Delivery(account)
        self._due: list[tuple[float, int, QueuedEvent]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="lambda-event")
        self._thread = threading.Thread(target=self._run, name="lambda-retries", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def put(self, function_name: str, qualifier: str | None, payload: bytes) -> None:
        """Accept an event: ResourceNotFoundException where there is no such function."""
        self._catalog.version(function_name, qualifier)
        name, qualifier = reference(function_name, qualifier)
        accepted = self._account.clock.time()
        self._submit(QueuedEvent(name, qualifier, payload, accepted))

    def _submit(self, event: QueuedEvent) -> None:
        with self._changed:
            if not self._stopping:
                self._workers.submit(self._attempt, event)

    def _attempt(self, event: QueuedEvent) -> None:
        try:
            function = self._catalog.function(event.function_name)
            version = function.version(event.qualifier)
            outcome = self._invoker.invoke(event.function_name, event.qualifier, event.payload)
        except ServiceError as error:
            self._refused(event, error)
            return
        event.attempts += 1
        event.outcome = outcome
        config = function.invoke_configs.get(event.qualifier or LATEST, {})
        if not outcome.failed:
            self._finish(function, version, event, "Success")
        elif event.attempts > config.get("MaximumRetryAttempts", len(_RETRY_SECONDS)):
            self._finish(function, version, event, "RetriesExhausted")
        else:
            self._again(function, version, event, _RETRY_SECONDS[event.attempts - 1])

    def _refused(self, event: QueuedEvent, error: ServiceError) -> None:
        if error.code != "TooManyRequestsException":
            logger.warning("an event for %s is lost: %s", event.function_name, error)
            return
        event.throttled += 1
        function = self._catalog.function(event.function_name)
        delay = min(_THROTTLED_SECONDS * 2 ** (event.throttled - 1), 300.0)
        self._again(function, function.version(event.qualifier), event, delay)

    def _again(
        self, function: Function, version: Version, event: QueuedEvent, delay: float
    ) -> None:
        config = function.invoke_configs.get(event.qualifier or LATEST, {})
        oldest = config.get("MaximumEventAgeInSeconds", _MAX_AGE_SECONDS)
        when = self._account.clock.time() + delay
        if when - event.accepted > oldest:
            self._finish(function, version, event, "EventAgeExceeded")
            return
        with self._changed:
            heapq.heappush(self._due, (when, next(self._order), event))
            self._changed.notify_all()

    def _finish(
        self, function: Function, version: Version, event: QueuedEvent, condition: str
    ) -> None:
        config = function.invoke_configs.get(event.qualifier or LATEST, {})
        destinations = config.get("DestinationConfig", {})
        kind = "OnSuccess" if condition == "Success" else "OnFailure"
        caller = Caller.role(version.role_arn, version.function_name)
        if destination := destinations.get(kind, {}).get("Destination"):
            now = self._account.clock.now()
            record = _record(function, event, condition, now)
            self._delivery.send(destination, record, caller)
        dead_letters = version.configuration.get("DeadLetterConfig", {}).get("TargetArn")
        if dead_letters and condition != "Success":
            attributes = _dead_letter_attributes(event)
            self._delivery.send_dead_letter(dead_letters, event.payload, attributes, caller)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._due or self._stopping)
                if self._stopping:
                    return
                # The cloud's clock may be advanced at any time: look again soon.
                if self._due[0][0] > self._account.clock.time():
                    self._changed.wait(0.2)
                    continue
                _, _, event = heapq.heappop(self._due)
            self._submit(event)


def _record(
    function: Function, event: QueuedEvent, condition: str, now: datetime
) -> dict[str, Any]:
    outcome = event.outcome
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": outcome.request_id if outcome else "",
            "functionArn": function.qualified_arn(event.qualifier or LATEST),
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": json.loads(event.payload),
    }
    if outcome is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": outcome.executed_version}
        if outcome.failed:
            context["functionError"] = "Unhandled"
        record["responseContext"] = context
        record["responsePayload"] = _loaded(outcome.payload)
    return record


def _loaded(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")


def _dead_letter_attributes(event: QueuedEvent) -> dict[str, str]:
    outcome = event.outcome
    error = _loaded(outcome.payload) if outcome else {}
    message = error.get("errorMessage", "") if isinstance(error, dict) else ""
    return {
        "RequestID": outcome.request_id if outcome else "",
        "ErrorCode": "200",
        "ErrorMessage": str(message)[:1024],
    }
