"""The held-out questions of a data version in the lake: the newest, or the one that is named."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from cli.account import Account
from cli.compare.questions import held_out_questions
from meguru.names import TEXT_DATASET, dataset_head_key, dataset_prefix
from tests.unit.evaluation.conftest import make_rows, write_dataset


class Lake:
    """A bucket in a folder, as far as S3's client is asked for it; and the account it is in."""

    outputs = {"LakeBucket": "lake"}  # noqa: RUF012

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def client(self, service: str) -> Lake:
        assert service == "s3"
        return self

    def get_paginator(self, operation: str) -> Lake:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        for path in sorted((self._folder / Prefix).glob("*")):
            yield {"Contents": [{"Key": Prefix + path.name}]}
        yield {}

    def download_file(self, bucket: str, key: str, path: str) -> None:
        shutil.copy(self._folder / key, path)

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        path = self._folder / Key
        if not path.is_file():
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(path.read_bytes())}


def put(folder: Path, version: str, rows: list[dict[str, Any]]) -> Account:
    """A data version, to which HEAD points."""
    write_dataset(folder / dataset_prefix(TEXT_DATASET, version), rows)
    head = folder / dataset_head_key(TEXT_DATASET)
    head.write_text(json.dumps({"version": version}))
    return cast(Account, Lake(folder))


def test_the_newest_version_s_or_one_that_is_named(tmp_path: Path) -> None:
    put(tmp_path, "1" * 64, make_rows()[:2])
    account = put(tmp_path, "2" * 64, make_rows())
    assert len(held_out_questions(account)) == 4
    [row] = held_out_questions(account, "1" * 64)
    assert (row.question, row.answer) == ("有給休暇の締切は?", "10日です。")


def test_what_isn_t_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no data version yet"):
        held_out_questions(cast(Account, Lake(tmp_path)))
    only_train = [row for row in make_rows() if row["split"] == "train"]
    account = put(tmp_path, "1" * 64, only_train)
    with pytest.raises(ValueError, match="has no held-out question"):
        held_out_questions(account)
    with pytest.raises(ValueError, match="no data version 9999"):
        held_out_questions(account, "9" * 64)
