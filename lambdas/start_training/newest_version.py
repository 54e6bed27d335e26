"""The newest dataset version, as far as a training has to know it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from meguru.names import dataset_head_key, dataset_manifest_key


@dataclass(frozen=True)
class NewestVersion:
    """`rows` is the fingerprint of what is learnt of it; `reason` is why it was curated."""

    version: str
    rows: str
    reason: str


def newest_version(s3: Any, bucket: str) -> NewestVersion | None:
    """What HEAD points to; None before the first version, and where it has no record."""
    dataset = os.environ["DATASET"]
    key = dataset_head_key(dataset)
    # Listed, since S3 tells a missing object from a forbidden one only to who may list everything.
    if not s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)["KeyCount"]:
        return None
    head = _read_json(s3, bucket, key)
    version = head["version"]
    manifest = _read_json(s3, bucket, dataset_manifest_key(dataset, version))
    if not manifest["num_records"]:
        return None
    # A version of before rows had a fingerprint stands for its rows itself.
    return NewestVersion(version, manifest.get("rows", version), head.get("reason", "new_data"))


def _read_json(s3: Any, bucket: str, key: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return value
