"""One dataset version: its manifest, its shards held against it, and their rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
REQUIRED_COLUMNS = ("record_id", "question", "answer", "group_id", "language", "split", "weight")
# Versions frozen before these were known have no such columns.
OPTIONAL_COLUMNS = ("context", "source_uri")

# A Parquet file's rows with those of the named columns that it has.
ReadShard = Callable[[Path, Sequence[str]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Row:
    """One phrasing of a question with its answer. Rows of one group share the answer.

    `context` is the messages before the question, oldest first, each with `role` and `content`.
    """

    record_id: str
    question: str
    answer: str
    group_id: str
    language: str
    split: str
    weight: int = 1
    context: tuple[dict[str, str], ...] = ()
    source_uri: str = ""


@dataclass(frozen=True)
class DatasetVersion:
    """What is in a dataset version; `version` is the SHA-256 of its manifest."""

    name: str
    version: str
    rows: tuple[Row, ...]

    def split(self, name: str) -> list[Row]:
        return [row for row in self.rows if row.split == name]


def read_dataset_version(folder: Path, read_shard: ReadShard) -> DatasetVersion:
    """Read a dataset version's folder; ValueError where it is not what its manifest says.

    Parquet is for the caller to read: `read_shard` is handed each file after its SHA-256 was held
    against the manifest.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise ValueError(f"no manifest.json in {folder}: not a dataset version")
    content = path.read_bytes()
    manifest = _manifest(path, content)
    shards = [_verified(folder, shard) for shard in manifest["shards"]]
    rows = tuple(row for shard in shards for row in _rows(shard, read_shard))
    return DatasetVersion(str(manifest.get("name", "")), hashlib.sha256(content).hexdigest(), rows)


def _manifest(path: Path, content: bytes) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(content)
        known = manifest.get("format", FORMAT)
        for shard in manifest["shards"]:
            str(shard["path"]), str(shard["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a dataset manifest ({error!r})") from error
    if known != FORMAT:
        raise ValueError(f"{path}: the manifest's format is {known!r}; known is {FORMAT}")
    return manifest


def _verified(folder: Path, shard: Mapping[str, Any]) -> Path:
    # The manifest may hold a shard's key in the lake: within the folder only its name counts.
    path = folder / Path(str(shard["path"])).name
    if not path.is_file():
        raise ValueError(f"{path.name} is in the manifest but not in {folder}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != shard["sha256"]:
        raise ValueError(f"{path.name} does not have the SHA-256 that the manifest gives")
    return path


def _rows(path: Path, read_shard: ReadShard) -> list[Row]:
    rows = []
    for values in read_shard(path, (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)):
        missing = [name for name in REQUIRED_COLUMNS if name not in values]
        if missing:
            raise ValueError(f"{path.name} has no column {missing[0]!r}")
        row = Row(**{**values, "context": tuple(values.get("context") or ())})
        if row.weight < 1:
            raise ValueError(f"{path.name}: record {row.record_id} has weight {row.weight}, not 1+")
        rows.append(row)
    return rows
