"""Writes a delivery stream's records to its bucket, as the stream's role."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.calls import Caller
from localcloud.events.firehose_prefix import evaluate, partition_keys
from localcloud.events.firehose_processing import Processing, Record, Spoilt
from localcloud.events.firehose_stream import S3Destination, Stream
from localcloud.events.roles import assumed

SERVICE = "firehose.amazonaws.com"
_INVOCATIONS = 4  # the first and three more, Firehose's default


@dataclass
class Batch:
    """Records taken from a buffer. `objects` is set once processed: a retry only writes them."""

    stream: Stream
    destination: S3Destination
    records: list[Record]
    objects: dict[str, bytes] = field(default_factory=dict)


class FirehoseWriter:
    """Processes a batch and puts its objects."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def write(self, batch: Batch) -> None:
        """botocore's errors where S3 refuses; what is already written isn't written again."""
        if batch.records:
            self._process(batch)
        s3 = self._account.client("s3", self.role(batch.destination, batch.stream.arn))
        for key in list(batch.objects):
            s3.put_object(Bucket=batch.destination.bucket, Key=key, Body=batch.objects[key])
            del batch.objects[key]

    def role(self, destination: S3Destination, stream_arn: str) -> Caller:
        """The destination's role; ClientError where it doesn't trust Firehose."""
        return assumed(self._account, SERVICE, destination.role_arn, stream_arn)

    def _process(self, batch: Batch) -> None:
        good, spoilt = self._processed(batch)
        needed = partition_keys(batch.destination.members.get("Prefix"))
        for record in [r for r in good if not needed <= r.partition.keys()]:
            good.remove(record)
            missing = ", ".join(sorted(needed - record.partition.keys()))
            code = "DynamicPartitioning.MetadataExtractionFailed"
            message = f"no value for {missing}"
            spoilt.append(Spoilt(record, "metadata-extraction-failed", code, message))
        objects = dict(self._objects(batch, good)) | dict(self._error_objects(batch, spoilt))
        batch.objects, batch.records = objects, []

    def _processed(self, batch: Batch) -> tuple[list[Record], list[Spoilt]]:
        processing: Processing = batch.destination.processing
        role = self.role(batch.destination, batch.stream.arn)
        failure = ""
        for _ in range(_INVOCATIONS):
            try:
                return processing.run(
                    batch.records,
                    lambda arn, event: self._invoke(role, arn, event),
                    batch.stream.arn,
                )
            except (BotoCoreError, ClientError) as error:
                failure = str(error)
        code = "Lambda.InvokeFailed"
        return [], [Spoilt(r, "processing-failed", code, failure) for r in batch.records]

    def _invoke(self, role: Caller, arn: str, event: dict[str, Any]) -> Any:
        client = self._account.client("lambda", role)
        answer = client.invoke(FunctionName=arn, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read() or b"null")
        return None if "FunctionError" in answer else payload

    def _objects(self, batch: Batch, records: list[Record]) -> Iterable[tuple[str, bytes]]:
        groups: dict[tuple[tuple[str, str], ...], list[Record]] = {}
        for record in records:
            groups.setdefault(tuple(sorted(record.partition.items())), []).append(record)
        for keys, members in groups.items():
            when = _oldest(members)
            prefix = evaluate(
                batch.destination.members.get("Prefix"),
                batch.destination.local_time(when),
                dict(keys),
            )
            data = b"".join(record.data for record in members)
            yield _name(batch, prefix, when), batch.destination.compressed(data)

    def _error_objects(self, batch: Batch, spoilt: list[Spoilt]) -> Iterable[tuple[str, bytes]]:
        by_type: dict[str, list[Spoilt]] = {}
        for one in spoilt:
            by_type.setdefault(one.error_type, []).append(one)
        members = batch.destination.members
        for error_type, group in by_type.items():
            when = _oldest([one.record for one in group])
            prefix = evaluate(
                members.get("ErrorOutputPrefix", members.get("Prefix")),
                batch.destination.local_time(when),
                {},
                error_type,
            )
            lines = [json.dumps(self._error_line(one)) for one in group]
            data = ("\n".join(lines) + "\n").encode()
            yield _name(batch, prefix, when), batch.destination.compressed(data)

    def _error_line(self, one: Spoilt) -> dict[str, Any]:
        return {
            "attemptsMade": _INVOCATIONS,
            "arrivalTimestamp": one.record.arrived_milliseconds,
            "errorCode": one.code,
            "errorMessage": one.message,
            "attemptEndingTimestamp": int(self._account.clock.time() * 1000),
            "rawData": base64.b64encode(one.record.data).decode(),
        }


def _oldest(records: list[Record]) -> datetime:
    first = min(record.arrived_milliseconds for record in records)
    return datetime.fromtimestamp(first / 1000, UTC)


def _name(batch: Batch, prefix: str, when: datetime) -> str:
    stream, time = batch.stream, batch.destination.local_time(when)
    name = f"{stream.name}-{stream.version}-{time:%Y-%m-%d-%H-%M-%S}-{uuid.uuid4()}"
    return f"{prefix}{name}{batch.destination.extension}"
