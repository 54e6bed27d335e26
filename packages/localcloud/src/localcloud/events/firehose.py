"""Amazon Data Firehose: records put into a stream end up as objects in a bucket."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.events.delivery import Courier, Delivery
from localcloud.events.firehose_processing import Record
from localcloud.events.firehose_stream import S3Destination, Stream, parse_destination
from localcloud.events.firehose_writer import Batch, FirehoseWriter
from localcloud.events.timetable import Timetable
from localcloud.service import Service

_MAXIMUM_RECORD_BYTES = 1000 * 1024
_MAXIMUM_BATCH, _MAXIMUM_BATCH_BYTES = 500, 4 * 1024 * 1024
_S3, _EXTENDED_S3 = "S3Destination", "ExtendedS3Destination"


class FirehoseService(Service):
    """Delivery streams with direct puts and an S3 destination; others are refused by name."""

    service_name = "firehose"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._lock = threading.RLock()
        self._streams: dict[str, Stream] = {}
        self._timetable = Timetable(account.clock, "firehose-buffers")
        self._writer = FirehoseWriter(account)
        self.courier = Courier(account.clock, "firehose")

    def start(self) -> None:
        self._timetable.start()

    def stop(self) -> None:
        """Write what is buffered, then end."""
        self._timetable.stop()
        for stream in list(self._streams.values()):
            self._flush(stream)
        self.courier.stop(drain_seconds=5)

    @property
    def num_undelivered(self) -> int:
        """Batches on their way to S3; what is still buffered isn't counted."""
        return self.courier.num_undelivered

    def create_delivery_stream(self, request: Request, _caller: Caller) -> Response:
        name = request["DeliveryStreamName"]
        if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", name):
            raise _invalid(f"{name!r} can't be a delivery stream's name")
        if request.get("DeliveryStreamType", "DirectPut") != "DirectPut":
            raise _invalid(f"localcloud doesn't run the source {request['DeliveryStreamType']}")
        destination = _destination(request, "Configuration", {})
        with self._lock:
            if name in self._streams:
                message = f"Firehose {name} under accountId {self.account.id} already exists"
                raise ServiceError("ResourceInUseException", message)
            arn = f"arn:aws:firehose:{self.account.region}:{self.account.id}:deliverystream/{name}"
            self._check_role(destination, arn)
            tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", [])}
            self._streams[name] = Stream(name, arn, self.account.clock.now(), destination, tags)
            if given := request.get("DeliveryStreamEncryptionConfigurationInput"):
                self._streams[name].encryption = {"Status": "ENABLED"} | given
        return {"DeliveryStreamARN": arn}

    def describe_delivery_stream(self, request: Request, _caller: Caller) -> Response:
        return {"DeliveryStreamDescription": self._stream(request).described()}

    def list_delivery_streams(self, request: Request, _caller: Caller) -> Response:
        after, limit = request.get("ExclusiveStartDeliveryStreamName", ""), request.get("Limit", 10)
        with self._lock:
            names = sorted(name for name in self._streams if name > after)
        return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}

    def delete_delivery_stream(self, request: Request, _caller: Caller) -> Response:
        with self._lock:
            stream = self._stream(request)
            del self._streams[stream.name]
        self._flush(stream)
        return {}

    def update_destination(self, request: Request, _caller: Caller) -> Response:
        with self._lock:
            stream = self._stream(request)
            if request["CurrentDeliveryStreamVersionId"] != str(stream.version):
                message = f"the stream's version is {stream.version}"
                raise ServiceError("ConcurrentModificationException", message)
            stream.destination = _destination(request, "Update", stream.destination.members)
            stream.version += 1
        return {}

    def put_record(self, request: Request, _caller: Caller) -> Response:
        stream = self._stream(request)
        return {"RecordId": self._put(stream, [request["Record"]])[0], "Encrypted": False}

    def put_record_batch(self, request: Request, _caller: Caller) -> Response:
        stream, records = self._stream(request), request["Records"]
        if not 1 <= len(records) <= _MAXIMUM_BATCH:
            raise _invalid(f"Records takes 1 to {_MAXIMUM_BATCH} records, not {len(records)}")
        if sum(len(record["Data"]) for record in records) > _MAXIMUM_BATCH_BYTES:
            raise _invalid("Records size exceeds 4 MB limit")
        responses = [{"RecordId": one} for one in self._put(stream, records)]
        return {"FailedPutCount": 0, "Encrypted": False, "RequestResponses": responses}

    def tag_delivery_stream(self, request: Request, _caller: Caller) -> Response:
        tags = {tag["Key"]: tag.get("Value", "") for tag in request["Tags"]}
        self._stream(request).tags.update(tags)
        return {}

    def untag_delivery_stream(self, request: Request, _caller: Caller) -> Response:
        stream = self._stream(request)
        for key in request["TagKeys"]:
            stream.tags.pop(key, None)
        return {}

    def list_tags_for_delivery_stream(self, request: Request, _caller: Caller) -> Response:
        tags = sorted(self._stream(request).tags.items())
        return {"Tags": [{"Key": k, "Value": v} for k, v in tags], "HasMoreTags": False}

    def start_delivery_stream_encryption(self, request: Request, _caller: Caller) -> Response:
        given = request.get("DeliveryStreamEncryptionConfigurationInput", {})
        self._stream(request).encryption = {"Status": "ENABLED", **given}
        return {}

    def stop_delivery_stream_encryption(self, request: Request, _caller: Caller) -> Response:
        self._stream(request).encryption = {"Status": "DISABLED"}
        return {}

    def _check_role(self, destination: S3Destination, stream_arn: str) -> None:
        try:
            self._writer.role(destination, stream_arn)
        except ClientError as error:
            role_arn = destination.role_arn
            raise _invalid(f"Firehose is unable to assume role {role_arn}: {error}") from error

    def _stream(self, request: Request) -> Stream:
        name = request["DeliveryStreamName"]
        stream = self._streams.get(name)
        if stream is None:
            message = f"Firehose {name} under account {self.account.id} not found."
            raise ServiceError("ResourceNotFoundException", message)
        return stream

    def _put(self, stream: Stream, given: list[dict[str, bytes]]) -> list[str]:
        if any(len(record["Data"]) > _MAXIMUM_RECORD_BYTES for record in given):
            raise _invalid("Record size exceeds 1,000 KiB limit")
        now = self.account.clock.now()
        arrived = int(now.timestamp() * 1000)
        records = [Record(uuid.uuid4().hex, record["Data"], arrived) for record in given]
        with stream.lock:
            was_empty = not stream.buffer
            for record in records:
                stream.add(record)
            is_full = stream.num_bytes >= stream.destination.maximum_bytes
        if is_full:
            self._flush(stream)
        elif was_empty:
            due = now + stream.destination.interval
            self._timetable.at(due, stream.name, lambda _when: self._flush(stream))
        return [record.id for record in records]

    def _flush(self, stream: Stream) -> None:
        with stream.lock:
            records = stream.take()
        if not records:
            return
        batch = Batch(stream, stream.destination, records)
        delivery = Delivery(
            description=f"delivery stream {stream.name}, {len(records)} records",
            lane=stream.name,
            send=lambda: self._writer.write(batch),
            created=self.account.clock.now(),
            # As in AWS, S3 is tried for a day, whatever it answers.
            persistent=True,
        )
        self.courier.post(delivery)


def _destination(request: Request, suffix: str, before: dict[str, Any]) -> S3Destination:
    """The S3 destination of a request; InvalidArgumentException names any other."""
    known = {f"{_S3}{suffix}", f"{_EXTENDED_S3}{suffix}"}
    others = [n for n in request if n.endswith(f"Destination{suffix}") and n not in known]
    given = [request[name] for name in known if name in request]
    if others or len(given) != 1:
        raise _invalid(f"localcloud delivers to one S3 destination, not to {others or 'none'}")
    return _checked(parse_destination, before | given[0])


def _checked(
    parse: Callable[[dict[str, Any]], S3Destination], members: dict[str, Any]
) -> S3Destination:
    try:
        return parse(members)
    except ValueError as error:
        raise _invalid(str(error)) from error


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidArgumentException", message)
