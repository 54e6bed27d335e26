"""What S3 refuses of a request by itself, whatever the bucket holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.calls import Request, ServiceError
from localcloud.iam.s3_actions import copy_source

_MAX_KEY_BYTES = 1024
_MAX_METADATA_BYTES = 2048
_MAX_DELETIONS = 1000
_MAX_LISTED = 2**31 - 1
_WRITES = ("PutObject", "CopyObject", "CompleteMultipartUpload")
_LIFECYCLE_ACTIONS = {
    "Expiration",
    "Transition",
    "Transitions",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
    "NoncurrentVersionTransitions",
    "AbortIncompleteMultipartUpload",
}


def check_request(operation: str, request: Request) -> None:
    """Raises ServiceError where S3 would not even look into the bucket."""
    _check_key(request)
    _check_metadata(request.get("Metadata") or {})
    _check_listed(request)
    if operation in _WRITES and request.get("IfNoneMatch", "*") != "*":
        message = "A header you provided implies functionality that is not implemented"
        raise ServiceError("NotImplemented", message, 501, Header="If-None-Match")
    if check := _CHECKS.get(operation):
        check(request)


def _check_key(request: Request) -> None:
    key = request.get("Key")
    if isinstance(key, str) and len(key.encode()) > _MAX_KEY_BYTES:
        raise ServiceError("KeyTooLongError", "Your key is too long")


def _check_metadata(metadata: dict[str, str]) -> None:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > _MAX_METADATA_BYTES:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise ServiceError("MetadataTooLarge", message, Size=size, MaxSizeAllowed=2048)


def _check_listed(request: Request) -> None:
    if not 0 <= request.get("MaxKeys", 0) <= _MAX_LISTED:
        message = f"Argument maxKeys must be an integer between 0 and {_MAX_LISTED}"
        raise ServiceError("InvalidArgument", message, ArgumentName="maxKeys")


def _check_source(request: Request) -> None:
    source = copy_source(request)
    if source is None or not all(source[:2]):
        message = "Invalid copy source object key"
        raise ServiceError("InvalidArgument", message, ArgumentName="x-amz-copy-source")


def _check_deletions(request: Request) -> None:
    if len(request["Delete"]["Objects"]) > _MAX_DELETIONS:
        message = "The XML you provided was not well-formed or did not validate"
        raise ServiceError("MalformedXML", message)


def _check_lifecycle(request: Request) -> None:
    for rule in request.get("LifecycleConfiguration", {}).get("Rules", []):
        if not _LIFECYCLE_ACTIONS & rule.keys():
            message = "At least one action needs to be specified in a rule"
            raise ServiceError("InvalidRequest", message)
        days = rule.get("Expiration", {}).get("Days", 1)
        if days < 1:
            message = "'Days' for Expiration action must be a positive integer"
            raise ServiceError("InvalidArgument", message)


_CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "CopyObject": _check_source,
    "UploadPartCopy": _check_source,
    "DeleteObjects": _check_deletions,
    "PutBucketLifecycleConfiguration": _check_lifecycle,
}
