"""What happened to an object, as S3's notifications and EventBridge's events tell it.

Sources: "Event message structure" and "EventBridge event message structure", Amazon S3 User Guide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from localcloud.calls import Request, Response

_EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e"


@dataclass(frozen=True)
class Change:
    """One change of one object.

    `event_name` is S3's (`ObjectCreated:Put`), `detail_type` EventBridge's (`Object Created`).
    """

    bucket: str
    key: str
    event_name: str
    detail_type: str
    details: dict[str, str]
    size: int | None = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None

    def record(
        self, region: str, time: datetime, request_id: str, principal: str
    ) -> dict[str, Any]:
        """As one of the `Records` of a notification, less `configurationId`."""
        described = {
            "key": quote_plus(self.key, safe="/*"),
            "size": self.size,
            "eTag": self.etag,
            "versionId": self.version_id,
            "sequencer": self.sequencer,
        }
        return {
            "eventVersion": "2.3" if self.sequencer is None else "2.1",
            "eventSource": "aws:s3",
            "awsRegion": region,
            "eventTime": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z",
            "eventName": self.event_name,
            "userIdentity": {"principalId": principal},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": request_id, "x-amz-id-2": request_id},
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": {"principalId": "A1LOCALCLOUD"},
                    "arn": f"arn:aws:s3:::{self.bucket}",
                },
                "object": {name: value for name, value in described.items() if value is not None},
            },
        }

    def detail(self, request_id: str, requester: str) -> dict[str, Any]:
        """As the detail of an event of `aws.s3`."""
        described = {
            "key": self.key,
            "size": self.size,
            "etag": self.etag,
            "version-id": self.version_id,
            "sequencer": self.sequencer,
        }
        return {
            "version": "0",
            "bucket": {"name": self.bucket},
            "object": {name: value for name, value in described.items() if value is not None},
            "request-id": request_id,
            "requester": requester,
            "source-ip-address": "127.0.0.1",
            **self.details,
        }


# Operation -> (S3's event name, EventBridge's detail-type, its own members of the detail).
_ON_ONE_OBJECT: dict[str, tuple[str, str, dict[str, str]]] = {
    "PutObject": ("ObjectCreated:Put", "Object Created", {"reason": "PutObject"}),
    "CopyObject": ("ObjectCreated:Copy", "Object Created", {"reason": "CopyObject"}),
    "CompleteMultipartUpload": (
        "ObjectCreated:CompleteMultipartUpload",
        "Object Created",
        {"reason": "CompleteMultipartUpload"},
    ),
    "PutObjectTagging": ("ObjectTagging:Put", "Object Tags Added", {}),
    "DeleteObjectTagging": ("ObjectTagging:Delete", "Object Tags Deleted", {}),
    "PutObjectAcl": ("ObjectAcl:Put", "Object ACL Updated", {}),
    "RestoreObject": ("ObjectRestore:Post", "Object Restore Initiated", {}),
}


def changes_of(operation: str, request: Request, response: Response) -> list[Change]:
    """What an operation of S3 that has succeeded changed, without sizes and sequencers."""
    if operation == "DeleteObject":
        return [_deleted(request["Bucket"], request["Key"], request.get("VersionId"), response)]
    if operation == "DeleteObjects":
        return [
            _deleted(
                request["Bucket"],
                deleted["Key"],
                deleted.get("VersionId"),
                {"DeleteMarker": True, "VersionId": deleted.get("DeleteMarkerVersionId")}
                if deleted.get("DeleteMarker")
                else {},
            )
            for deleted in response.get("Deleted", [])
        ]
    if operation not in _ON_ONE_OBJECT:
        return []
    event_name, detail_type, details = _ON_ONE_OBJECT[operation]
    change = Change(request["Bucket"], request["Key"], event_name, detail_type, details)
    etag = response.get("ETag") or response.get("CopyObjectResult", {}).get("ETag")
    version_id = _version(response.get("VersionId") or request.get("VersionId"))
    return [replace(change, etag=etag.strip('"') if etag else None, version_id=version_id)]


def _deleted(bucket: str, key: str, version_id: str | None, response: Response) -> Change:
    details = {"reason": "DeleteObject"}
    if response.get("DeleteMarker") and version_id is None:
        details["deletion-type"] = "Delete Marker Created"
        return Change(
            bucket,
            key,
            "ObjectRemoved:DeleteMarkerCreated",
            "Object Deleted",
            details,
            etag=_EMPTY_ETAG,
            version_id=_version(response.get("VersionId")),
        )
    details["deletion-type"] = "Permanently Deleted"
    name, version_id = "ObjectRemoved:Delete", _version(version_id)
    return Change(bucket, key, name, "Object Deleted", details, version_id=version_id)


def _version(version_id: str | None) -> str | None:
    return None if version_id in (None, "", "null") else version_id
