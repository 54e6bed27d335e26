"""One dataset version: its manifest, its shards held against it, and their rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from meguru.fingerprint import file_sha256, sha256_hex
from meguru.limits import Message

FORMAT = 2
_OF_EACH_ROW = ("record_id", "group_id", "language", "split", "weight")
# Columns that a shard must have, and those it may have, by the manifest's format. The first has a
# question and an answer where the second has messages.
_REQUIRED = {1: (*_OF_EACH_ROW, "question", "answer"), 2: (*_OF_EACH_ROW, "messages")}
_OPTIONAL = {
    1: ("context", "source_uri"),
    2: ("source_uri", "train_turns", "rejected", "rating"),
}

# A Parquet file's rows with those of the named columns that it has.
ReadShard = Callable[[Path, Sequence[str]], list[dict[str, Any]]]
# Of which assistant's turns a row has the loss: of all, or of the last alone.
TrainTurns = Literal["all", "last"]


@dataclass(frozen=True)
class Row:
    """One conversation: a question with its answer, after what was said before.

    `messages` have `role` and `content`; the last is an assistant's, the one before it a user's.
    Rows of one group share the answer. `rejected` is a worse answer to the same question, "" where
    there is none; `rating` is 1 or -1 where a person found this answer good or bad, else 0.
    """

    record_id: str
    messages: tuple[Message, ...]
    group_id: str
    language: str
    split: str
    weight: int = 1
    source_uri: str = ""
    train_turns: TrainTurns = "last"
    rejected: str = ""
    rating: int = 0

    @classmethod
    def of_question(
        cls,
        record_id: str,
        question: str,
        answer: str,
        group_id: str,
        language: str,
        split: str,
        weight: int = 1,
        context: Sequence[Message] = (),
        source_uri: str = "",
    ) -> Row:
        """A question with its answer; `context` is the messages before it, oldest first."""
        messages = conversation(context, question, answer)
        return cls(record_id, messages, group_id, language, split, weight, source_uri)

    @property
    def question(self) -> str:
        return self.messages[-2]["content"]

    @property
    def answer(self) -> str:
        return self.messages[-1]["content"]

    @property
    def context(self) -> tuple[Message, ...]:
        return self.messages[:-2]

    @property
    def own_messages(self) -> tuple[Message, ...]:
        """Without what was said before a question that is all the row is about."""
        return self.messages if self.train_turns == "all" else self.messages[-2:]

    def after(self, context: Sequence[Message]) -> Row:
        """The question with its answer after other messages, of which nothing is learnt."""
        messages = conversation(context, self.question, self.answer)
        return replace(self, messages=messages, train_turns="last")

    def with_answer(self, answer: str) -> Row:
        """The same question with another answer."""
        messages = conversation(self.context, self.question, answer)
        return replace(self, messages=messages, train_turns="last")


def conversation(context: Sequence[Message], question: str, answer: str) -> tuple[Message, ...]:
    asked = {"role": "user", "content": question}
    return (*context, asked, {"role": "assistant", "content": answer})


@dataclass(frozen=True)
class DatasetVersion:
    """What is in a dataset version; `version` is the SHA-256 of its manifest."""

    name: str
    version: str
    rows: tuple[Row, ...]

    def split(self, name: str) -> list[Row]:
        return [row for row in self.rows if row.split == name]

    def answered(self, split: str) -> list[Row]:
        """The rows of a split whose answer is one to give: none that a person found bad."""
        return [row for row in self.split(split) if row.rating >= 0]


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
    known = manifest.get("format", 1)
    rows = tuple(row for shard in shards for row in _rows(shard, known, read_shard))
    return DatasetVersion(str(manifest.get("name", "")), sha256_hex(content), rows)


def _manifest(path: Path, content: bytes) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(content)
        known = manifest.get("format", 1)
        for shard in manifest["shards"]:
            str(shard["path"]), str(shard["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a dataset manifest ({error!r})") from error
    if known not in _REQUIRED:
        formats = " and ".join(map(str, _REQUIRED))
        raise ValueError(f"{path}: the manifest's format is {known!r}; known are {formats}")
    return manifest


def _verified(folder: Path, shard: Mapping[str, Any]) -> Path:
    # The manifest may hold a shard's key in the lake: within the folder only its name counts.
    path = folder / Path(str(shard["path"])).name
    if not path.is_file():
        raise ValueError(f"{path.name} is in the manifest but not in {folder}")
    if file_sha256(path) != shard["sha256"]:
        raise ValueError(f"{path.name} does not have the SHA-256 that the manifest gives")
    return path


def _rows(path: Path, known: int, read_shard: ReadShard) -> list[Row]:
    """A shard's rows, by the manifest's format."""
    required = _REQUIRED[known]
    rows = []
    for read in read_shard(path, (*required, *_OPTIONAL[known])):
        # A column a row has nothing in is as one that the shard hasn't.
        values = {name: one for name, one in read.items() if one is not None or name in required}
        missing = [name for name in required if name not in values]
        if missing:
            raise ValueError(f"{path.name} has no column {missing[0]!r}")
        if known == 1:
            row = Row.of_question(**{**values, "context": values.get("context") or ()})
        else:
            row = Row(**{**values, "messages": tuple(values["messages"] or ())})
        complaint = _complaint(row)
        if complaint:
            raise ValueError(f"{path.name}: record {row.record_id} has {complaint}")
        rows.append(row)
    return rows


def _complaint(row: Row) -> str | None:
    if row.weight < 1:
        return f"weight {row.weight}, not 1+"
    if [message["role"] for message in row.messages[-2:]] != ["user", "assistant"]:
        return "messages that do not end in a user's turn and an assistant's"
    if row.train_turns not in get_args(TrainTurns):
        return f"train_turns {row.train_turns!r}, not {' or '.join(get_args(TrainTurns))}"
    return None
