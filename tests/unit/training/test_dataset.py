"""A dataset version is what its manifest says, or refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from training.dataset import load_dataset


def row(**values: Any) -> dict[str, Any]:
    defaults = {"record_id": "r", "question": "q", "answer": "a", "group_id": "g"}
    return {**defaults, "language": "ja", "split": "train", "weight": 1, **values}


def write(folder: Path, rows: list[dict[str, Any]], prefix: str = "") -> Path:
    path = folder / "shard-00000.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    shard = {"path": prefix + path.name, "sha256": digest, "rows": len(rows)}
    (folder / "manifest.json").write_text(json.dumps({"name": "faq", "shards": [shard]}))
    return folder


def test_rows_and_version(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path, [row(), row(split="held_out", weight=4)]))
    manifest = (tmp_path / "manifest.json").read_bytes()
    assert dataset.version == hashlib.sha256(manifest).hexdigest()
    assert [one.weight for one in dataset.split("held_out")] == [4]


def test_shard_may_be_named_by_its_key_in_the_lake(tmp_path: Path) -> None:
    assert load_dataset(write(tmp_path, [row()], prefix="datasets/faq/v1/")).rows


def test_more_columns_than_known_are_fine(tmp_path: Path) -> None:
    assert load_dataset(write(tmp_path, [row(licence="CC0")])).rows


def test_changed_shard_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [row()])
    with (tmp_path / "shard-00000.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"shard-00000\.parquet does not have the SHA-256"):
        load_dataset(tmp_path)


def test_missing_shard_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [row()])
    (tmp_path / "shard-00000.parquet").unlink()
    with pytest.raises(ValueError, match="is in the manifest but not in"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"shards": [1]}', '{"shards": [{}]}'])
def test_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="not a dataset manifest"):
        load_dataset(tmp_path)


def test_missing_column_is_refused_by_name(tmp_path: Path) -> None:
    values = row()
    del values["answer"]
    with pytest.raises(ValueError, match="no column 'answer'"):
        load_dataset(write(tmp_path, [values]))


def test_weight_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="record r has weight 0"):
        load_dataset(write(tmp_path, [row(weight=0)]))


def test_dataset_without_training_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no row in split 'train'"):
        load_dataset(write(tmp_path, [row(split="held_out")]))
