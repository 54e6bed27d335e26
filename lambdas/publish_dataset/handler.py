"""Moves a dataset's HEAD to the version curation has frozen."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from meguru.names import dataset_head_key, dataset_manifest_key


class HeadMoved(Exception):
    """Another run has published since this one read HEAD: what it curated may be out of date."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish a version.

    Takes `dataset`, `result_key` (curation's result.json in the lake) and `head_etag` (HEAD's ETag
    before curation read the lake, empty when there was none). Returns `version`, `changed` and the
    manifest's `num_records`. Raises HeadMoved when HEAD is no longer what `head_etag` says.
    """
    dataset, head_etag = event["dataset"], event["head_etag"]
    version = _read_json(event["result_key"])["version"]
    manifest = _read_json(dataset_manifest_key(dataset, version))
    changed = not head_etag or _head_version(dataset) != version
    if changed:
        _move_head(dataset, version, head_etag)
    return {"version": version, "changed": changed, "num_records": manifest["num_records"]}


def _read_json(key: str) -> dict[str, Any]:
    content = s3().get_object(Bucket=os.environ["LAKE_BUCKET"], Key=key)["Body"].read()
    value: dict[str, Any] = json.loads(content)
    return value


def _head_version(dataset: str) -> str:
    version: str = _read_json(dataset_head_key(dataset))["version"]
    return version


def _move_head(dataset: str, version: str, head_etag: str) -> None:
    condition = {"IfMatch": head_etag} if head_etag else {"IfNoneMatch": "*"}
    try:
        s3().put_object(
            Bucket=os.environ["LAKE_BUCKET"],
            Key=dataset_head_key(dataset),
            Body=json.dumps({"version": version}).encode(),
            ContentType="application/json",
            **condition,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise HeadMoved(f"HEAD of {dataset} has moved since this run began") from error
        raise


@cache
def s3() -> Any:
    return boto3.client("s3")
