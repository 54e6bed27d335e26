"""Moves a dataset's HEAD to the version curation has frozen."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from meguru.names import dataset_head_key, dataset_manifest_key
from meguru.pending_feedback import PendingFeedback
from meguru.records import FEEDBACK_KINDS


class HeadMoved(Exception):
    """Another run has published since this one read HEAD: what it curated may be out of date."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish a version.

    Takes `dataset`, `run`, `reason`, `result_key` (curation's result.json in the lake) and
    `head_etag` (HEAD's ETag before curation read the lake, empty when there was none). Returns
    `version`, `changed` and the manifest's `num_records`. The feedback that curation has read waits
    no longer. Called again for the same result, it answers the same. Raises HeadMoved when
    HEAD is no longer what `head_etag` says.
    """
    dataset, head_etag, result_key = event["dataset"], event["head_etag"], event["result_key"]
    result = _read_json(result_key)
    version = result["version"]
    manifest = _read_json(dataset_manifest_key(dataset, version))
    wanted = {"version": version, "result_key": result_key, "reason": event["reason"]}
    head = _read_json(dataset_head_key(dataset)) if head_etag else {}
    changed = head.get("version") != version
    if changed:
        _move_head(dataset, wanted, head_etag)
    for pending in pending_feedback():
        pending.take(result["feedback_ids"], event["run"])
    return {
        "version": version,
        # An earlier attempt may have moved HEAD and ended before it could say so.
        "changed": changed or head == wanted,
        "num_records": manifest["num_records"],
    }


def _read_json(key: str) -> dict[str, Any]:
    content = s3().get_object(Bucket=os.environ["LAKE_BUCKET"], Key=key)["Body"].read()
    value: dict[str, Any] = json.loads(content)
    return value


def _move_head(dataset: str, head: dict[str, str], head_etag: str) -> None:
    condition = {"IfMatch": head_etag} if head_etag else {"IfNoneMatch": "*"}
    try:
        s3().put_object(
            Bucket=os.environ["LAKE_BUCKET"],
            Key=dataset_head_key(dataset),
            Body=json.dumps(head).encode(),
            ContentType="application/json",
            **condition,
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        if code == "PreconditionFailed" and _read_json(dataset_head_key(dataset)) == head:
            return
        raise HeadMoved(f"HEAD of {dataset} has moved since this run began") from error


@cache
def s3() -> Any:
    return boto3.client("s3")


@cache
def pending_feedback() -> list[PendingFeedback]:
    table = boto3.resource("dynamodb").Table(os.environ["FEEDBACK_TABLE"])
    return [PendingFeedback(table, os.environ["PENDING_INDEX"], kind) for kind in FEEDBACK_KINDS]
