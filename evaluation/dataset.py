"""One dataset version as the evaluation reads it: checked against its manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet

COLUMNS = ("record_id", "question", "answer", "group_id", "language", "split")


@dataclass(frozen=True)
class Row:
    """One phrasing of a question and the answer that is right for it."""

    record_id: str
    question: str
    answer: str
    group_id: str
    language: str
    split: str


@dataclass(frozen=True)
class Dataset:
    """A dataset version; `version` is the SHA-256 of its manifest."""

    name: str
    version: str
    rows: tuple[Row, ...]

    def split(self, name: str) -> list[Row]:
        return [row for row in self.rows if row.split == name]


def load_dataset(folder: Path) -> Dataset:
    """Read a dataset version's folder; ValueError where it is not what its manifest says."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise ValueError(f"no manifest.json in {folder}: not a dataset version")
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
        rows = tuple(row for shard in manifest["shards"] for row in _read_shard(folder, shard))
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a dataset manifest ({error!r})") from error
    return Dataset(str(manifest.get("name", "")), hashlib.sha256(content).hexdigest(), rows)


def _read_shard(folder: Path, shard: dict[str, Any]) -> list[Row]:
    # The manifest may hold a shard's key in the lake: within the input only its name counts.
    path = folder / Path(str(shard["path"])).name
    if not path.is_file():
        raise ValueError(f"{path.name} is in the manifest but not in {folder}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != shard["sha256"]:
        raise ValueError(f"{path.name} does not have the SHA-256 that the manifest gives")
    table = pyarrow.parquet.read_table(path)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise ValueError(f"{path.name} has no column {missing[0]!r}")
    return [Row(**values) for values in table.select(COLUMNS).to_pylist()]
