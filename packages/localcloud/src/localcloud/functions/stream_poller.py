"""Reads a DynamoDB stream on behalf of a function, in order, as the function's role.

Semantics: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-errors.html
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.dynamodb.models import dynamodb_backends

from localcloud.account import Account
from localcloud.calls import Caller, ServiceError
from localcloud.functions.batch import Filter, Record, failed_items
from localcloud.functions.catalog import Catalog
from localcloud.functions.delivery import Delivery
from localcloud.functions.invoker import Invoker, Outcome

logger = logging.getLogger(__name__)
_LOOK_SECONDS = 0.1
_PROBLEM_SECONDS = 5.0
_MAX_BACKOFF_SECONDS = 30.0
_MAX_RECORDS = 1000


class StreamPoller:
    """Reads the one shard that a stream has here, batch after batch."""

    def __init__(
        self,
        account: Account,
        catalog: Catalog,
        invoker: Invoker,
        mapping: dict[str, Any],
        position: int | None = None,
    ) -> None:
        self.result = "No records processed"
        # How many of the stream's records are dealt with; None until it is known where to begin.
        self.position = position
        self._account, self._catalog, self._invoker = account, catalog, invoker
        self._delivery = Delivery(account)
        self._arn = str(mapping["EventSourceArn"])
        self._function_arn = str(mapping["FunctionArn"])
        self._starts_latest = mapping["StartingPosition"] == "LATEST"
        self._batch_size = int(mapping["BatchSize"])
        self._window = timedelta(seconds=mapping.get("MaximumBatchingWindowInSeconds") or 0)
        self._filter = Filter(mapping.get("FilterCriteria"))
        self._reports = "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", [])
        self._bisects = bool(mapping.get("BisectBatchOnFunctionError"))
        self._retries = int(mapping.get("MaximumRetryAttempts", -1))
        self._max_age = int(mapping.get("MaximumRecordAgeInSeconds", -1))
        destinations = mapping.get("DestinationConfig") or {}
        self._destination = destinations.get("OnFailure", {}).get("Destination")
        self._shard_id = self._iterator = ""
        self._first_sequence = self._seen = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lambda-stream", daemon=True)

    def start(self) -> None:
        """Take up the position and begin: InvalidParameterValueException where the role may not."""
        try:
            self._take_position()
        except ClientError as error:
            raise ServiceError(
                "InvalidParameterValueException",
                f"Cannot access stream {self._arn}. Please ensure the role can perform the "
                "GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your "
                f"stream in IAM: {error.response['Error']['Message']}",
            ) from error
        self._thread.start()

    def stop(self, wait_seconds: float = 0) -> None:
        self._stop.set()
        if wait_seconds and self._thread.is_alive():
            self._thread.join(wait_seconds)

    def _take_position(self) -> None:
        described = self._client().describe_stream(StreamArn=self._arn)["StreamDescription"]
        shard = described["Shards"][0]
        self._shard_id = shard["ShardId"]
        self._first_sequence = int(shard["SequenceNumberRange"]["StartingSequenceNumber"])
        if self.position is None:
            self.position = self._written() if self._starts_latest else 0
        self._go_to(self.position)

    def _go_to(self, position: int) -> None:
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if position:
            last = str(self._first_sequence + position - 1)
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
        self._iterator = self._client().get_shard_iterator(
            StreamArn=self._arn, ShardId=self._shard_id, **where
        )["ShardIterator"]
        self._seen = position

    def _run(self) -> None:
        assert self.position is not None
        while not self._stop.is_set():
            if self._written() <= self.position:
                self._stop.wait(_LOOK_SECONDS)
                continue
            try:
                if self._seen != self.position:
                    self._go_to(self.position)
                if self._handle(self._collect()):
                    self.position = self._seen
            except (ClientError, BotoCoreError, ServiceError) as error:
                self._problem(str(error))

    def _written(self) -> int:
        """How many records the stream has ever had.

        Looking into moto's table costs nothing, where GetRecords several times a second would;
        records are read as the function's role.
        """
        _, _, _, region, account, resource = self._arn.split(":", 5)
        table = dynamodb_backends[account][region].tables.get(resource.split("/")[1])
        shard = table.stream_shard if table else None
        return len(shard.items) if shard else 0

    def _collect(self) -> list[Record]:
        records = self._read(self._batch_size)
        deadline = self._account.clock.now() + self._window
        while records and len(records) < self._batch_size and not self._stop.is_set():
            if self._account.clock.now() >= deadline:
                break
            if self._written() > self._seen:
                records += self._read(self._batch_size - len(records))
            else:
                self._stop.wait(_LOOK_SECONDS)
        return records

    def _read(self, limit: int) -> list[Record]:
        response = self._client().get_records(
            ShardIterator=self._iterator, Limit=min(limit, _MAX_RECORDS)
        )
        self._iterator = response["NextShardIterator"]
        self._seen += len(response["Records"])
        return [self._record(record) for record in response["Records"]]

    def _handle(self, records: list[Record], attempts: int = 0) -> bool:
        """See a batch through, dealt with or given up; False where a stop has come before."""
        records = [record for record in records if self._filter.passes(record)]
        while records:
            if self._stop.is_set():
                return False
            outcome = self._invoke(records)
            failed = failed_items(outcome, map(_sequence, records), self._reports)
            if not failed:
                return True
            attempts += 1
            # Order is kept: the first failure and all after it are tried again.
            records = records[[_sequence(r) for r in records].index(failed[0]) :]
            if condition := self._given_up(records, attempts):
                self._discard(records, outcome, condition, attempts)
                return True
            if self._bisects and outcome.failed and len(records) > 1:
                middle = len(records) // 2
                halves = records[:middle], records[middle:]
                return all(self._handle(half, attempts) for half in halves)
            delay = min(0.1 * 2.0 ** min(attempts, 20), _MAX_BACKOFF_SECONDS)
            self._account.clock.sleep(delay, self._stop)
        return True

    def _invoke(self, records: list[Record]) -> Outcome:
        payload = json.dumps({"Records": records}, ensure_ascii=False).encode()
        while True:
            try:
                outcome = self._invoker.invoke(self._function_arn, None, payload)
            except ServiceError as error:
                # Throttled: it counts as no attempt, and nothing is passed over.
                if error.code != "TooManyRequestsException" or self._stop.wait(0.2):
                    raise
                continue
            self.result = "PROBLEM: Function call failed" if outcome.failed else "OK"
            return outcome

    def _given_up(self, records: list[Record], attempts: int) -> str:
        if 0 <= self._retries < attempts:
            return "RetryAttemptsExhausted"
        age = self._account.clock.time() - float(
            records[0]["dynamodb"]["ApproximateCreationDateTime"]
        )
        return "MaximumRecordAgeExceeded" if 0 <= self._max_age < age else ""

    def _discard(
        self, records: list[Record], outcome: Outcome, condition: str, attempts: int
    ) -> None:
        if self._destination is None:
            return
        version = self._catalog.version(self._function_arn)
        record = {
            "requestContext": {
                "requestId": outcome.request_id,
                "functionArn": self._function_arn,
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": outcome.executed_version,
                "functionError": "Unhandled" if outcome.failed else None,
            },
            "version": "1.0",
            "timestamp": _time(self._account.clock.time()),
            "DDBStreamBatchInfo": self._batch_info(records),
        }
        caller = Caller.role(version.role_arn, version.function_name)
        self._delivery.send(self._destination, record, caller)

    def _batch_info(self, records: list[Record]) -> dict[str, Any]:
        first, last = records[0]["dynamodb"], records[-1]["dynamodb"]
        return {
            "shardId": self._shard_id,
            "startSequenceNumber": first["SequenceNumber"],
            "endSequenceNumber": last["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _time(first["ApproximateCreationDateTime"]),
            "approximateArrivalOfLastRecord": _time(last["ApproximateCreationDateTime"]),
            "batchSize": len(records),
            "streamArn": self._arn,
        }

    def _problem(self, message: str) -> None:
        result = f"PROBLEM: {message}"
        if result != self.result and not self._stop.is_set():
            logger.warning("%s for %s", result, self._function_arn)
        self.result = result
        self._stop.wait(_PROBLEM_SECONDS)

    def _client(self) -> Any:
        version = self._catalog.version(self._function_arn)
        caller = Caller.role(version.role_arn, version.function_name)
        return self._account.client("dynamodbstreams", caller)

    def _record(self, record: dict[str, Any]) -> Record:
        whole = {**record, "eventSource": "aws:dynamodb", "eventSourceARN": self._arn}
        if identity := record.get("userIdentity"):
            kind, principal = identity["Type"], identity["PrincipalId"]
            whole["userIdentity"] = {"type": kind, "principalId": principal}
        plain: Record = json.loads(json.dumps(whole, default=_plain, ensure_ascii=False))
        return plain


def _plain(value: Any) -> Any:
    """What boto3 gives that JSON has no form for, in the form Lambda gives it."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"no form in an event: {type(value).__name__}")


def _sequence(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
