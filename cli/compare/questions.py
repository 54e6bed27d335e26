"""The questions of a comparison: people's own labelled ones, or a data version's held-out ones."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cli.account import Account
from evaluation.own_questions import read_labelling_files
from evaluation.shards import read_parquet
from meguru.dataset_version import Row, read_dataset_version
from meguru.names import TEXT_DATASET, dataset_head_key, dataset_prefix


def labelled_questions(path: Path) -> list[Row]:
    """ValueError names the first line that is none; a file without a label has no question."""
    if not path.is_file():
        raise ValueError(f"{path} is no labelling file: make one with `meguru label`")
    own = read_labelling_files([path], [])
    if own.problems:
        raise ValueError(own.problems[0])
    if not own.rows:
        raise ValueError(f"{path} has no labelled question: label some with `meguru label {path}`")
    return own.rows


def held_out_questions(account: Account, version: str = "") -> list[Row]:
    """Those of a version of the lake's data set, by default the newest."""
    s3, bucket = account.client("s3"), account.outputs["LakeBucket"]
    version = version or _newest(s3, bucket)
    prefix = dataset_prefix(TEXT_DATASET, version)
    with tempfile.TemporaryDirectory(prefix="compare-") as name:
        folder = Path(name)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for one in page.get("Contents", []):
                s3.download_file(bucket, one["Key"], str(folder / Path(one["Key"]).name))
        if not (folder / "manifest.json").is_file():
            raise ValueError(f"the lake has no data version {version}")
        rows = read_dataset_version(folder, read_parquet).answered("held_out")
    if not rows:
        raise ValueError(f"data version {version} has no held-out question")
    return rows


def _newest(s3: Any, bucket: str) -> str:
    try:
        head = s3.get_object(Bucket=bucket, Key=dataset_head_key(TEXT_DATASET))
    except ClientError as error:
        raise ValueError("the lake has no data version yet: give it documents first") from error
    return str(json.loads(head["Body"].read())["version"])
