"""S3's actions, few of which are named like their operation.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from urllib.parse import unquote

from localcloud.iam.demand import EVERYTHING, Demand, Parameters

_BUCKET_ACTIONS = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
}
_CONFIGURATIONS = ("Analytics", "Inventory", "Metrics", "IntelligentTiering")
_OBJECT_ACTIONS = {
    "GetObject": "GetObject",
    "HeadObject": "GetObject",
    "SelectObjectContent": "GetObject",
    "PutObject": "PutObject",
    "PostObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload",
    "ListParts": "ListMultipartUploadParts",
    "CopyObject": "PutObject",
    "UploadPartCopy": "PutObject",
    "RenameObject": "PutObject",
}
# Reading a version that is named is another permission than reading the newest.
_VERSIONED = {
    "GetObject": "GetObjectVersion",
    "GetObjectAttributes": "GetObjectVersionAttributes",
    "DeleteObject": "DeleteObjectVersion",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
    "GetObjectAcl": "GetObjectVersionAcl",
    "PutObjectAcl": "PutObjectVersionAcl",
}


def s3_demands(operation: str, parameters: Parameters) -> list[Demand]:
    """Every action that an operation of S3 needs, on buckets and objects."""
    bucket = parameters.get("Bucket")
    if bucket is None:
        action = "ListAllMyBuckets" if operation == "ListBuckets" else operation
        return [Demand(f"s3:{action}", EVERYTHING)]
    if operation == "DeleteObjects":
        return _deletions(str(bucket), parameters)
    key = parameters.get("Key")
    if key is None:
        return [Demand(f"s3:{_bucket_action(operation)}", f"arn:aws:s3:::{bucket}")]
    action = _OBJECT_ACTIONS.get(operation, operation)
    if parameters.get("VersionId"):
        action = _VERSIONED.get(action, action)
    demands = [Demand(f"s3:{action}", object_arn(str(bucket), str(key)))]
    return demands + _source(parameters) + _tags(operation, demands[0].resource, parameters)


def object_arn(bucket: str, key: str) -> str:
    """The ARN of an object."""
    return f"arn:aws:s3:::{bucket}/{key}"


def copy_source(parameters: Parameters) -> tuple[str, str, str | None] | None:
    """Bucket, key and version that a copy reads, where the request is one."""
    source = parameters.get("CopySource")
    if not isinstance(source, str):
        return None
    path, _, version = source.lstrip("/").partition("?versionId=")
    bucket, _, key = unquote(path).partition("/")
    return bucket, key, version or None


def _bucket_action(operation: str) -> str:
    if operation in _BUCKET_ACTIONS:
        return _BUCKET_ACTIONS[operation]
    for kind in _CONFIGURATIONS:
        if kind in operation:
            return f"{'Get' if operation[0] in 'GL' else 'Put'}{kind}Configuration"
    return operation


def _deletions(bucket: str, parameters: Parameters) -> list[Demand]:
    objects = parameters.get("Delete", {}).get("Objects", [])
    return [
        Demand(
            "s3:DeleteObjectVersion" if one.get("VersionId") else "s3:DeleteObject",
            object_arn(bucket, one.get("Key", "")),
        )
        for one in objects
    ]


def _source(parameters: Parameters) -> list[Demand]:
    source = copy_source(parameters)
    if source is None:
        return []
    bucket, key, version = source
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    return [Demand(action, object_arn(bucket, key))]


def _tags(operation: str, resource: str, parameters: Parameters) -> list[Demand]:
    if parameters.get("Tagging") and operation != "PutObjectTagging":
        return [Demand("s3:PutObjectTagging", resource)]
    return []
