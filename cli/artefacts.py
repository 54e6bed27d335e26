"""What runs leave in the lake, read back."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from typing import Any

from cli.account import Account
from cli.loop import Loop, LoopFailed
from meguru.names import INFERENCE_LOG_PREFIX

DELIVERY_SECONDS = 30
LOG_BUFFER_SECONDS = 61


def loss_curve(account: Account, job: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of a finished training job's metrics.jsonl, in the order they were written."""
    uri = f"{job['OutputDataConfig']['S3OutputPath']}/{job['TrainingJobName']}/output/output.tar.gz"
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    content = account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if member.name.endswith("metrics.jsonl"):
                file = archive.extractfile(member)
                assert file is not None
                return [json.loads(line) for line in file]
    raise LoopFailed(f"{uri} has no metrics.jsonl")


def inference_log(loop: Loop, *inference_ids: str) -> list[dict[str, Any]]:
    """All of the lake's inference log, as soon as it has certain inferences, which come last.

    The delivery stream keeps records back for a minute; nobody wants to watch that, so that the
    cloud's time is advanced until it has come.
    """
    deadline = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < deadline:
        loop.account.advance_clock(LOG_BUFFER_SECONDS)
        records = _read_log(loop)
        found = [record for record in records if record["inference_id"] in inference_ids]
        if {record["inference_id"] for record in found} == set(inference_ids):
            return [record for record in records if record not in found] + found
        time.sleep(0.5)
    raise LoopFailed(f"{' and '.join(inference_ids)}: not all are in the lake's inference log")


def _read_log(loop: Loop) -> list[dict[str, Any]]:
    listed = loop.account.client("s3").list_objects_v2(
        Bucket=loop.account.outputs["LakeBucket"], Prefix=INFERENCE_LOG_PREFIX + "dt="
    )
    return [
        json.loads(line)
        for item in listed.get("Contents", [])
        for line in gzip.decompress(loop.read(item["Key"])).splitlines()
    ]
