"""A dataset version: rows in Parquet shards, and a manifest whose SHA-256 is its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.corrections import Correction
from curation.normalisation import language_of
from curation.records import Record, SetAside, Source
from meguru.fingerprint import canonical_json, fingerprint, sha256_hex
from meguru.normalisation import RULES, normalise, rules_that_change

ROWS_PER_SHARD = 50_000
MIN_PHRASINGS_TO_HOLD_OUT = 3
Row = dict[str, Any]
SCHEMA = pa.schema(
    [
        ("record_id", pa.string()),
        ("group_id", pa.string()),
        # The messages before the question, oldest first; documents' questions have none.
        ("context", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("original_question", pa.string()),
        ("original_answer", pa.string()),
        ("language", pa.string()),
        ("split", pa.string()),
        ("weight", pa.int32()),
        ("source_kind", pa.string()),
        ("source_uri", pa.string()),
        ("corrects_uri", pa.string()),
    ]
)


def rows_of(
    record: Record,
    weight: int,
    corrects: Source | None = None,
    rules: Sequence[str] = RULES,
) -> list[Row]:
    """A row for each phrasing. Of three or more, one is held out: always the same one."""
    answer = normalise(record.answer, rules)
    questions = {normalise(question, rules): question for question in reversed(record.questions)}
    first = normalise(record.questions[0], rules)
    context = [
        {**message, "content": normalise(message["content"], rules)} for message in record.context
    ]
    # Without a context the ids are what they were before there was one.
    before = [context] if context else []
    group_id = fingerprint([first, answer, *before])
    held_out = _held_out(list(questions), first)
    return [
        {
            "record_id": fingerprint([question, answer, *before]),
            "group_id": group_id,
            "context": context,
            "question": question,
            "answer": answer,
            "original_question": original,
            "original_answer": record.answer,
            "language": language_of(question + answer),
            "split": "held_out" if question == held_out else "train",
            "weight": weight,
            "source_kind": record.source.kind,
            "source_uri": record.source.uri,
            "corrects_uri": corrects.uri if corrects else "",
        }
        for question, original in questions.items()
    ]


def _held_out(questions: list[str], first: str) -> str | None:
    if len(questions) < MIN_PHRASINGS_TO_HOLD_OUT:
        return None
    # The first is how the document itself asks: that one is for training.
    return min((question for question in questions if question != first), key=fingerprint)


def dataset_rows(
    documents: Iterable[Record],
    corrections: Iterable[Correction],
    feedback_weight: int,
    rules: Sequence[str] = RULES,
) -> list[Row]:
    """All rows, normalised by `rules`, in an order that depends on their content alone."""
    rows = [row for record in documents for row in rows_of(record, 1, rules=rules)]
    for correction in corrections:
        rows += rows_of(correction.record, feedback_weight, correction.corrects, rules)
    unique = {row["record_id"]: row for row in rows}
    return sorted(unique.values(), key=lambda row: (row["group_id"], row["record_id"]))


def normalised(rows: Iterable[Row], rules: Sequence[str]) -> dict[str, int]:
    """In how many rows each of the rules changed the question or the answer."""
    changes = Counter(dict.fromkeys(rules, 0))
    for row in rows:
        originals = (row["original_question"], row["original_answer"])
        changes.update({name for text in originals for name in rules_that_change(text, rules)})
    return dict(changes)


def rows_fingerprint(rows: Iterable[Row]) -> str:
    """The SHA-256 of what is learnt of the rows, whatever they were read from and lie in.

    Versions with one fingerprint make one model: only the first of them is trained on.
    """
    learnt = ("context", "question", "answer", "split", "weight")
    return fingerprint(sorted(fingerprint([row[name] for name in learnt]) for row in rows))


def freeze(
    folder: Path,
    name: str,
    rows: list[Row],
    sources: dict[str, str],
    set_aside: list[SetAside],
    rules: Sequence[str] = RULES,
) -> tuple[str, dict[str, Any]]:
    """Write shards and manifest under `folder/VERSION/`; returns the version and the manifest.

    `sources` is the SHA-256 of every object that was read, by its key in the lake. Nothing in a
    version depends on when or where it was made: the same content is the same version.
    """
    staging = folder / ".staging"
    staging.mkdir(parents=True)
    shards = [
        _write_shard(staging, index, rows[start : start + ROWS_PER_SHARD])
        for index, start in enumerate(range(0, len(rows), ROWS_PER_SHARD))
    ]
    manifest = {
        "format": 1,
        "name": name,
        "shards": shards,
        "rows": rows_fingerprint(rows),
        "num_records": len(rows),
        "num_groups": len({row["group_id"] for row in rows}),
        "splits": dict(Counter(row["split"] for row in rows)),
        "normalised": normalised(rows, rules),
        "languages": dict(Counter(row["language"] for row in rows)),
        "sources": sources,
        "feedback_ids": sorted(
            {row["source_uri"] for row in rows if row["source_kind"] == "feedback"}
        ),
        "set_aside": dict(Counter(item.reason for item in set_aside)),
    }
    content = canonical_json(manifest)
    version = sha256_hex(content)
    (staging / "manifest.json").write_bytes(content)
    staging.rename(folder / version)
    return version, manifest


def _write_shard(folder: Path, index: int, rows: list[Row]) -> dict[str, Any]:
    path = folder / f"shard-{index:05d}.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    return {"path": path.name, "sha256": sha256_hex(path.read_bytes()), "rows": len(rows)}
