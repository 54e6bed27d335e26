"""A delivery stream: its S3 destination, and the records that wait in its buffer."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from localcloud.events.expressions import time_zone
from localcloud.events.firehose_prefix import check_prefix, partition_keys
from localcloud.events.firehose_processing import Processing, Record, parse_processing

_MEGABYTE = 1024 * 1024
_COMPRESSIONS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "UNCOMPRESSED": ("", lambda data: data),
    "GZIP": (".gz", gzip.compress),
}
_DEFAULTS = {
    "CompressionFormat": "UNCOMPRESSED",
    "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
}
_HINTS = {"SizeInMBs": 5, "IntervalInSeconds": 300}


@dataclass(frozen=True)
class S3Destination:
    """An (extended) S3 destination configuration, checked."""

    members: dict[str, Any]
    processing: Processing
    is_partitioned: bool

    @property
    def bucket(self) -> str:
        return str(self.members["BucketARN"]).rpartition(":")[2]

    @property
    def role_arn(self) -> str:
        return str(self.members["RoleARN"])

    @property
    def interval(self) -> timedelta:
        return timedelta(seconds=self.members["BufferingHints"]["IntervalInSeconds"])

    @property
    def maximum_bytes(self) -> int:
        return int(self.members["BufferingHints"]["SizeInMBs"]) * _MEGABYTE

    @property
    def extension(self) -> str:
        own, _ = _COMPRESSIONS[self.members["CompressionFormat"]]
        return str(self.members.get("FileExtension", own))

    def compressed(self, data: bytes) -> bytes:
        _, compress = _COMPRESSIONS[self.members["CompressionFormat"]]
        return compress(data)

    def local_time(self, when: datetime) -> datetime:
        return when.astimezone(time_zone(self.members.get("CustomTimeZone", "UTC")))


@dataclass
class Stream:
    """A delivery stream. `lock` guards its buffer."""

    name: str
    arn: str
    created: datetime
    destination: S3Destination
    tags: dict[str, str]
    version: int = 1
    encryption: dict[str, Any] = field(default_factory=dict)
    buffer: list[Record] = field(default_factory=list)
    num_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, record: Record) -> None:
        self.buffer.append(record)
        self.num_bytes += len(record.data)

    def take(self) -> list[Record]:
        records, self.buffer, self.num_bytes = self.buffer, [], 0
        return records

    def described(self) -> dict[str, Any]:
        """As `DeliveryStreamDescription`."""
        members = self.destination.members
        plain = {name: members[name] for name in _S3_MEMBERS if name in members}
        encryption = {"DeliveryStreamEncryptionConfiguration": self.encryption}
        return {
            "DeliveryStreamName": self.name,
            "DeliveryStreamARN": self.arn,
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamType": "DirectPut",
            "VersionId": str(self.version),
            "CreateTimestamp": self.created,
            "HasMoreDestinations": False,
            "Destinations": [
                {
                    "DestinationId": "destinationId-000000000001",
                    "S3DestinationDescription": plain,
                    "ExtendedS3DestinationDescription": {"S3BackupMode": "Disabled"} | members,
                }
            ],
        } | (encryption if self.encryption else {})


_S3_MEMBERS = (
    "RoleARN",
    "BucketARN",
    "Prefix",
    "ErrorOutputPrefix",
    "BufferingHints",
    "CompressionFormat",
    "EncryptionConfiguration",
    "CloudWatchLoggingOptions",
)


def parse_destination(given: dict[str, Any]) -> S3Destination:
    """From an S3 or extended S3 configuration; ValueError names what the cloud doesn't run."""
    members = _DEFAULTS | given
    members["BufferingHints"] = _HINTS | given.get("BufferingHints", {})
    if members["CompressionFormat"] not in _COMPRESSIONS:
        raise ValueError(f"localcloud doesn't write {members['CompressionFormat']}: use GZIP")
    if given.get("DataFormatConversionConfiguration", {}).get("Enabled"):
        raise ValueError("localcloud doesn't run DataFormatConversionConfiguration")
    if given.get("S3BackupMode") == "Enabled":
        raise ValueError("localcloud doesn't keep backups: S3BackupMode must be Disabled")
    is_partitioned = bool(given.get("DynamicPartitioningConfiguration", {}).get("Enabled"))
    _check_hints(members["BufferingHints"], "BufferingHints" in given and is_partitioned)
    _check_prefixes(given, is_partitioned)
    time_zone(given.get("CustomTimeZone", "UTC"))
    processing = parse_processing(given.get("ProcessingConfiguration", {}))
    if processing.query is not None and not is_partitioned:
        raise ValueError("MetadataExtraction needs DynamicPartitioningConfiguration enabled")
    return S3Destination(members, processing, is_partitioned)


def _check_hints(hints: dict[str, int], is_partitioned: bool) -> None:
    if not 1 <= hints["SizeInMBs"] <= 128 or not 0 <= hints["IntervalInSeconds"] <= 900:
        raise ValueError("BufferingHints take 1 to 128 MB and 0 to 900 seconds")
    if is_partitioned and hints["SizeInMBs"] < 64:
        raise ValueError("BufferingHints.SizeInMBs must be at least 64 with dynamic partitioning")


def _check_prefixes(given: dict[str, Any], is_partitioned: bool) -> None:
    prefix, error_prefix = given.get("Prefix"), given.get("ErrorOutputPrefix")
    own = ("timestamp", "firehose")
    keys = ("partitionKeyFromQuery", "partitionKeyFromLambda") if is_partitioned else ()
    check_prefix(prefix, allows=own + keys)
    check_prefix(error_prefix, allows=own)
    if "!{firehose:error-output-type}" in (prefix or ""):
        raise ValueError("Prefix can't have !{firehose:error-output-type}")
    if "!{" in (prefix or "") and not error_prefix:
        raise ValueError("ErrorOutputPrefix must be given where Prefix has expressions")
    if is_partitioned and not partition_keys(prefix):
        raise ValueError("Prefix must have partition keys when dynamic partitioning is enabled")
