"""Reads a queue on behalf of a function, as the function's role.

Semantics: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.sqs.models import sqs_backends

from localcloud.account import Account
from localcloud.calls import Caller, ServiceError
from localcloud.functions.batch import Filter, failed_items
from localcloud.functions.catalog import Catalog
from localcloud.functions.delivery import queue_url
from localcloud.functions.invoker import Invoker

logger = logging.getLogger(__name__)
# As Lambda starts out with; a mapping's ScalingConfig sets another.
_CONCURRENCY = 5
_LOOK_SECONDS = 0.25
_PROBLEM_SECONDS = 5.0
_MAX_BATCH_BYTES = 5_900_000
_MAX_RECEIVED = 10


class QueuePoller:
    """Receives messages in batches, invokes, and deletes what the function has dealt with."""

    position: int | None

    def __init__(
        self, account: Account, catalog: Catalog, invoker: Invoker, mapping: dict[str, Any]
    ) -> None:
        self.result = "No records processed"
        self.position = None
        self._account, self._catalog, self._invoker = account, catalog, invoker
        self._arn = str(mapping["EventSourceArn"])
        self._function_arn = str(mapping["FunctionArn"])
        self._batch_size = int(mapping["BatchSize"])
        self._window = timedelta(seconds=mapping.get("MaximumBatchingWindowInSeconds") or 0)
        self._filter = Filter(mapping.get("FilterCriteria"))
        self._reports = "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", [])
        self._queue_url = queue_url(account.endpoint_url, self._arn)
        # One batch at a time keeps the order within every group of a FIFO queue.
        ordered = self._arn.endswith(".fifo")
        scaling = mapping.get("ScalingConfig") or {}
        concurrency = 1 if ordered else scaling.get("MaximumConcurrency", _CONCURRENCY)
        self._slots = threading.BoundedSemaphore(concurrency)
        self._workers = ThreadPoolExecutor(concurrency, thread_name_prefix="lambda-sqs")
        self._stop = threading.Event()
        name = f"lambda-sqs-{self._arn.rpartition(':')[2]}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to poll: InvalidParameterValueException where the role may not."""
        try:
            attributes = self._client().get_queue_attributes(
                QueueUrl=self._queue_url, AttributeNames=["VisibilityTimeout"]
            )["Attributes"]
        except ClientError as error:
            raise ServiceError(
                "InvalidParameterValueException",
                f"Cannot access queue {self._arn} with the function's role: "
                f"{error.response['Error']['Message']}",
            ) from error
        self._check_visibility(int(attributes["VisibilityTimeout"]))
        self._thread.start()

    def stop(self, wait_seconds: float = 0) -> None:
        self._stop.set()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _check_visibility(self, seconds: int) -> None:
        timeout = self._catalog.version(self._function_arn).timeout_seconds
        if seconds < timeout:
            raise ServiceError(
                "InvalidParameterValueException",
                f"Queue visibility timeout: {seconds} seconds is less than "
                f"Function timeout: {timeout} seconds",
            )

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._has_messages() or not self._slots.acquire(timeout=_LOOK_SECONDS):
                continue
            if not self._dispatch():
                self._slots.release()

    def _has_messages(self) -> bool:
        """Wait a moment for a message to be visible.

        Looking into moto's queue costs nothing, where receiving again and again would keep the
        machine busy; what is received is received as the function's role.
        """
        _, _, _, region, account, name = self._arn.split(":")
        queue = sqs_backends[account][region].queues.get(name)
        if queue is None:
            self._stop.wait(_LOOK_SECONDS)
            return False
        if not queue.messages:
            queue.wait_for_messages(_LOOK_SECONDS)  # type: ignore[arg-type]
        return bool(queue.messages)

    def _dispatch(self) -> bool:
        """Hand a batch to a worker, which frees the slot; False where there was none to hand."""
        try:
            messages = self._collect()
        except (ClientError, BotoCoreError) as error:
            self._problem(f"could not receive from {self._arn}: {error}")
            return False
        if not messages or self._stop.is_set():
            return False
        try:
            self._workers.submit(self._work, messages)
        except RuntimeError:  # stopped in between
            return False
        return True

    def _collect(self) -> list[dict[str, Any]]:
        # By ID: a message that becomes visible again within the window is one message still.
        messages = self._receive(self._batch_size)
        deadline = self._account.clock.now() + self._window
        while messages and len(messages) < self._batch_size and self._window:
            remaining = (deadline - self._account.clock.now()).total_seconds()
            if remaining <= 0 or self._stop.is_set():
                break
            if self._has_messages():
                messages |= self._receive(self._batch_size - len(messages))
        return list(messages.values())

    def _receive(self, limit: int) -> dict[str, dict[str, Any]]:
        response = self._client().receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=min(limit, _MAX_RECEIVED),
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return {message["MessageId"]: message for message in response.get("Messages", [])}

    def _work(self, messages: list[dict[str, Any]]) -> None:
        try:
            records = [self._record(message) for message in messages]
            wanted = [record for record in records if self._filter.passes(record)]
            unwanted = {r["messageId"] for r in records} - {r["messageId"] for r in wanted}
            self._delete([r for r in records if r["messageId"] in unwanted])
            for batch in _in_size(wanted):
                self._process(batch)
        except (ClientError, BotoCoreError, ServiceError) as error:
            self._problem(str(error))
        finally:
            self._slots.release()

    def _process(self, records: list[dict[str, Any]]) -> None:
        payload = json.dumps({"Records": records}, ensure_ascii=False).encode()
        outcome = self._invoker.invoke(self._function_arn, None, payload)
        self.result = "PROBLEM: Function call failed" if outcome.failed else "OK"
        failed = set(failed_items(outcome, [r["messageId"] for r in records], self._reports))
        self._delete([record for record in records if record["messageId"] not in failed])

    def _delete(self, records: list[dict[str, Any]]) -> None:
        for start in range(0, len(records), _MAX_RECEIVED):
            entries = [
                {"Id": str(index), "ReceiptHandle": record["receiptHandle"]}
                for index, record in enumerate(records[start : start + _MAX_RECEIVED])
            ]
            self._client().delete_message_batch(QueueUrl=self._queue_url, Entries=entries)

    def _problem(self, message: str) -> None:
        result = f"PROBLEM: {message}"
        if self._stop.is_set():
            return
        if result != self.result:
            logger.warning("%s for %s", result, self._function_arn)
        self.result = result
        self._stop.wait(_PROBLEM_SECONDS)

    def _client(self) -> Any:
        version = self._catalog.version(self._function_arn)
        return self._account.client("sqs", Caller.role(version.role_arn, version.function_name))

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        attributes = message.get("MessageAttributes", {})
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {k: _attribute(value) for k, value in attributes.items()},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": self._account.region,
        }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return attribute


def _in_size(records: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The records in as many batches as an invocation's payload needs."""
    batch: list[dict[str, Any]] = []
    size = 0
    for record in records:
        length = len(json.dumps(record, ensure_ascii=False).encode())
        if batch and size + length > _MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += length
    if batch:
        yield batch
