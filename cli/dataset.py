"""A dataset version as the lake tells of it: what it is made of, and what was set aside."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cli.loop import Loop, LoopFailed
from meguru.names import QUARANTINE_PREFIX, TEXT_DATASET, dataset_prefix

# What a person reads of a long list; the lake has all of it.
MAX_LISTED = 100
MAX_EXCERPT_CHARACTERS = 80


@dataclass(frozen=True)
class Dataset:
    """A version with its manifest, the rows each document gave, and the first of what was not used.

    `set_aside` has at most MAX_LISTED entries: `reason`, `source`, `detail`, `record` (its start).
    """

    version: str
    manifest: dict[str, Any]
    records_by_document: dict[str, int]
    set_aside: list[dict[str, str]]

    def check_usable(self) -> None:
        """LoopFailed where nothing can be trained on, or measured with, this version."""
        splits = self.manifest["splits"]
        if not splits.get("train"):
            raise LoopFailed(f"the documents gave no record to train on; {self.why()}")
        if not splits.get("held_out"):
            raise LoopFailed(
                f"of {self.manifest['num_records']} records none is held out to measure a model "
                "with: give questions at least two phrasings, or ten conversations; "
                f"{self.why()}"
            )

    def why(self) -> str:
        """What was set aside, with the first few reasons in words."""
        counts = ", ".join(f"{name} {n}" for name, n in self.manifest["set_aside"].items())
        if not counts:
            return "nothing was set aside"
        first = [f"{one['source']}: {one['detail']}" for one in self.set_aside[:3]]
        return f"set aside: {counts} ({'; '.join(first)})"


def read_dataset(loop: Loop, version: str) -> Dataset:
    manifest = loop.manifest(version)
    return Dataset(
        version,
        manifest,
        records_by_document(loop, version, manifest),
        _set_aside(loop, version, manifest),
    )


def records_by_document(loop: Loop, version: str, manifest: dict[str, Any]) -> dict[str, int]:
    """How many rows each of the version's documents gave: 0 for one that was all set aside."""
    counts: Counter[str] = Counter(dict.fromkeys(manifest["sources"], 0))
    for shard in manifest["shards"]:
        rows = read_shard(loop, version, shard, ["source_kind", "source_uri"]).to_pylist()
        counts.update(row["source_uri"] for row in rows if row["source_kind"] == "document")
    return dict(sorted(counts.items()))


def read_shard(loop: Loop, version: str, shard: dict[str, Any], columns: list[str]) -> pa.Table:
    """The shard's rows with those of the named columns that it has."""
    content = loop.read(dataset_prefix(TEXT_DATASET, version) + shard["path"])
    return pq.ParquetFile(io.BytesIO(content)).read(columns=columns)


def _set_aside(loop: Loop, version: str, manifest: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for reason in sorted(manifest["set_aside"]):
        lines = loop.read(f"{QUARANTINE_PREFIX}{reason}/{version}.jsonl").split(b"\n")
        for line in lines[: MAX_LISTED - len(found)]:
            if line:
                found.append(_entry(reason, json.loads(line)))
    return found


def _entry(reason: str, line: dict[str, Any]) -> dict[str, str]:
    content = line["content"]
    question = content.get("question") if isinstance(content, dict) else None
    if isinstance(question, str) and question.strip():
        content = question
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    # Bytes that are no text stand in it as halves of characters, which no file takes.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) > MAX_EXCERPT_CHARACTERS:
        text = text[:MAX_EXCERPT_CHARACTERS] + "…"
    return {"reason": reason, "source": line["source"], "detail": line["detail"], "record": text}
