"""What encryption with a key of the account's own demands of those who use S3."""

from __future__ import annotations

from localcloud.iam.demand import Demand, Parameters, Place
from localcloud.iam.inventory import MotoInventory
from localcloud.iam.s3_actions import copy_source

_WRITES = ("PutObject", "CopyObject", "CreateMultipartUpload", "PostObject")
_PARTS = ("UploadPart", "UploadPartCopy", "CompleteMultipartUpload")
_READS = ("GetObject", "SelectObjectContent")


def encryption_demands(
    operation: str, parameters: Parameters, place: Place, inventory: MotoInventory
) -> list[Demand]:
    """kms:GenerateDataKey to write and kms:Decrypt to read, where a customer's key encrypts."""
    bucket, key = parameters.get("Bucket"), parameters.get("Key")
    if not bucket or not key:
        return []
    demands = []
    if operation in _WRITES:
        demands.append(("kms:GenerateDataKey", _written_with(bucket, parameters, inventory)))
    if operation in _PARTS:
        written_with = inventory.bucket_key(bucket)
        demands += [("kms:GenerateDataKey", written_with), ("kms:Decrypt", written_with)]
    if operation in _READS:
        read = inventory.object_key(bucket, key, parameters.get("VersionId"))
        demands.append(("kms:Decrypt", read))
    if source := copy_source(parameters):
        demands.append(("kms:Decrypt", inventory.object_key(*source)))
    via = {"kms:viaservice": f"s3.{place.region}.amazonaws.com", "aws:viaawsservice": "true"}
    return [
        Demand(action, inventory.key_arn(used) or used, via)
        for action, used in demands
        if used and inventory.is_customer_key(used)
    ]


def _written_with(bucket: str, parameters: Parameters, inventory: MotoInventory) -> str | None:
    asked = parameters.get("ServerSideEncryption")
    if asked is None:
        return inventory.bucket_key(bucket)
    if not asked.startswith("aws:kms"):
        return None
    return parameters.get("SSEKMSKeyId") or inventory.bucket_key(bucket)
