"""Requests that S3 refuses before it looks into the bucket."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.calls import ServiceError
from localcloud.storage.object_requests import check_request


def rules(**rule: Any) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [{"Status": "Enabled"} | rule]}}


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        ("PutObject", {"Key": "あ" * 342}, "KeyTooLongError"),
        ("PutObject", {"Key": "a", "IfNoneMatch": '"etag"'}, "NotImplemented"),
        ("PutObject", {"Key": "a", "Metadata": {"n": "x" * 2048}}, "MetadataTooLarge"),
        ("CopyObject", {"Key": "a", "CopySource": "no-slash"}, "InvalidArgument"),
        ("UploadPartCopy", {"Key": "a", "CopySource": "/"}, "InvalidArgument"),
        ("ListObjectsV2", {"MaxKeys": -1}, "InvalidArgument"),
        ("DeleteObjects", {"Delete": {"Objects": [{"Key": "a"}] * 1001}}, "MalformedXML"),
        ("PutBucketLifecycleConfiguration", rules(), "InvalidRequest"),
        (
            "PutBucketLifecycleConfiguration",
            rules(Expiration={"Days": 0}),
            "InvalidArgument",
        ),
    ],
)
def test_what_no_bucket_would_take_is_refused(
    operation: str, request_: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        check_request(operation, request_)
    assert refused.value.code == expected


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("PutObject", {"Key": "あ" * 341, "IfNoneMatch": "*", "Metadata": {"n": "x" * 2047}}),
        ("GetObject", {"Key": "a", "IfNoneMatch": '"etag"'}),
        ("CopyObject", {"Key": "a", "CopySource": "/lake/a%2Fb?versionId=1"}),
        ("DeleteObjects", {"Delete": {"Objects": [{"Key": "a"}] * 1000}}),
        ("PutBucketLifecycleConfiguration", rules(Expiration={"Days": 1})),
        ("PutBucketLifecycleConfiguration", rules(NoncurrentVersionExpiration={})),
    ],
)
def test_what_some_bucket_would_take_is_let_pass(operation: str, request_: dict[str, Any]) -> None:
    check_request(operation, request_)
