"""What S3 demands of those who ask for an object that isn't there."""

from __future__ import annotations

from localcloud.iam.demand import Demand, Parameters
from localcloud.iam.inventory import MotoInventory

_READS = ("GetObject", "HeadObject")


def absence_demands(
    operation: str, parameters: Parameters, inventory: MotoInventory
) -> list[Demand]:
    """s3:ListBucket: who may not list a bucket may not learn what it lacks.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    bucket, key = str(parameters.get("Bucket")), str(parameters.get("Key"))
    if operation not in _READS or parameters.get("VersionId") or not inventory.has_bucket(bucket):
        return []
    if inventory.object_etag(bucket, key) is not None:
        return []
    return [Demand("s3:ListBucket", f"arn:aws:s3:::{bucket}")]
