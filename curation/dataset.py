"""A dataset version: rows in Parquet shards, and a manifest whose SHA-256 is its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.corrections import Correction, Identity, identity
from curation.held_out import place_of, places_to_hold_out
from curation.normalisation import language_of
from curation.records import Record, SetAside, Source
from meguru.dataset_version import FORMAT, conversation
from meguru.fingerprint import canonical_json, fingerprint, sha256_hex
from meguru.limits import Message
from meguru.normalisation import RULES, normalise, rules_that_change

ROWS_PER_SHARD = 50_000
MIN_PHRASINGS_TO_HOLD_OUT = 3
Row = dict[str, Any]
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SCHEMA = pa.schema(
    [
        ("record_id", pa.string()),
        ("group_id", pa.string()),
        # The question and its answer are the last two of the messages.
        ("question", pa.string()),
        ("answer", pa.string()),
        ("messages", MESSAGES),
        ("original_messages", MESSAGES),
        ("train_turns", pa.string()),
        ("rejected", pa.string()),
        ("rating", pa.int32()),
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
    held_out: Collection[str] = (),
) -> list[Row]:
    """A row for each phrasing. Of three or more, one is held out: always the same one.

    A conversation is held out where `held_out` has the place it begins at.
    """
    answer = normalise(record.answer, rules)
    questions = {normalise(question, rules): question for question in reversed(record.questions)}
    first = normalise(record.questions[0], rules)
    context = [
        {**message, "content": normalise(message["content"], rules)} for message in record.context
    ]
    learnt = {
        "train_turns": record.train_turns,
        "rejected": normalise(record.rejected, rules),
        "rating": record.rating,
    }
    if record.is_conversation:
        split = "held_out" if place_of(record) in held_out else "train"
        splits = dict.fromkeys(questions, split)
    else:
        phrasing = _held_out(list(questions), first)
        splits = {one: "held_out" if one == phrasing else "train" for one in questions}
    return [
        {
            "record_id": fingerprint(_identity(context, question, answer, learnt)),
            "group_id": fingerprint(_identity(context, first, answer, learnt)),
            "messages": list(conversation(context, question, answer)),
            "original_messages": list(conversation(record.context, original, record.answer)),
            **learnt,
            "language": language_of(question + answer),
            "split": splits[question],
            "weight": weight,
            "source_kind": record.source.kind,
            "source_uri": record.source.uri,
            "corrects_uri": corrects.uri if corrects else "",
        }
        for question, original in questions.items()
    ]


def _identity(context: Sequence[Message], question: str, answer: str, learnt: Row) -> list[Any]:
    """What a row's id is made of: without what it hasn't, as before there was such a thing."""
    return [question, answer, *([context] if context else []), *_beyond(context, learnt)]


def _beyond(context: Iterable[Message], row: Row) -> list[Row]:
    """What makes another row of the same messages, where that is so."""
    beyond = {name: row[name] for name in ("rejected", "rating") if row[name]}
    if row["train_turns"] == "all" and any(one["role"] == "assistant" for one in context):
        beyond["train_turns"] = "all"
    return [beyond] if beyond else []


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
    documents = list(documents)
    held_out = places_to_hold_out(documents)
    rows = [row for one in documents for row in rows_of(one, 1, rules=rules, held_out=held_out)]
    for correction in corrections:
        rows += rows_of(correction.record, feedback_weight, correction.corrects, rules)
    return _in_order(rows)


def with_votes(rows: list[Row], votes: Iterable[Record], rules: Sequence[str] = RULES) -> list[Row]:
    """The rows and a row for each vote, in the same order."""
    return _in_order([*rows, *(row for vote in votes for row in rows_of(vote, 1, rules=rules))])


def held_out_identities(rows: Iterable[Row]) -> set[Identity]:
    """What the rows that measure a model ask."""
    return {
        identity(row["messages"][-2]["content"], row["messages"][:-2])
        for row in rows
        if row["split"] == "held_out"
    }


def _in_order(rows: Iterable[Row]) -> list[Row]:
    unique = {row["record_id"]: row for row in rows}
    return sorted(unique.values(), key=lambda row: (row["group_id"], row["record_id"]))


def normalised(rows: Iterable[Row], rules: Sequence[str]) -> dict[str, int]:
    """In how many rows each of the rules changed a text that is the row's own."""
    changes = Counter(dict.fromkeys(rules, 0))
    for row in rows:
        own = row["original_messages"]
        texts = [one["content"] for one in (own if row["train_turns"] == "all" else own[-2:])]
        changes.update({name for text in texts for name in rules_that_change(text, rules)})
    return dict(changes)


def rows_fingerprint(rows: Iterable[Row]) -> str:
    """The SHA-256 of what is learnt of the rows, whatever they were read from and lie in.

    Versions with one fingerprint make one model: only the first of them is trained on. Rows of the
    first format have the fingerprint that they had in it.
    """
    return fingerprint(sorted(fingerprint(_learnt(row)) for row in rows))


def _learnt(row: Row) -> list[Any]:
    *context, question, answer = row["messages"]
    texts = [question["content"], answer["content"]]
    return [context, *texts, row["split"], row["weight"], *_beyond(context, row)]


def freeze(
    folder: Path,
    name: str,
    rows: list[Row],
    sources: dict[str, str],
    set_aside: list[SetAside],
    rules: Sequence[str] = RULES,
    licences: Mapping[str, str] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Write shards and manifest under `folder/VERSION/`; returns the version and the manifest.

    `sources` is the SHA-256 of every object that was read, by its key in the lake; `licences` says
    by key what is known of its licence. Nothing in a version depends on when or where it was made:
    the same content is the same version.
    """
    staging = folder / ".staging"
    staging.mkdir(parents=True)
    shards = [
        _write_shard(staging, index, rows[start : start + ROWS_PER_SHARD])
        for index, start in enumerate(range(0, len(rows), ROWS_PER_SHARD))
    ]
    manifest = {
        "format": FORMAT,
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
        **({"licences": dict(licences)} if licences else {}),
    }
    content = canonical_json(manifest)
    version = sha256_hex(content)
    (staging / "manifest.json").write_bytes(content)
    staging.rename(folder / version)
    return version, manifest


def _write_shard(folder: Path, index: int, rows: list[Row]) -> dict[str, Any]:
    path = folder / f"shard-{index:05d}.parquet"
    pq.write_table(pa.Table.from_pylist(list(map(_with_columns, rows)), schema=SCHEMA), path)
    return {"path": path.name, "sha256": sha256_hex(path.read_bytes()), "rows": len(rows)}


def _with_columns(row: Row) -> Row:
    """A row and its last two messages by themselves: for who asks a shard by SQL."""
    question, answer = row["messages"][-2:]
    return {**row, "question": question["content"], "answer": answer["content"]}
