"""A dataset version is what its manifest says, or refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from meguru.dataset_version import DatasetVersion, read_dataset_version
from training.worker import read_parquet


def row(**values: Any) -> dict[str, Any]:
    defaults = {"record_id": "r", "question": "q", "answer": "a", "group_id": "g"}
    return {**defaults, "language": "ja", "split": "train", "weight": 1, **values}


def chat(*said: str, **values: Any) -> dict[str, Any]:
    """A row of the second format: turns of a user and of an assistant, one after the other."""
    messages = [
        {"role": ("user", "assistant")[index % 2], "content": text}
        for index, text in enumerate(said)
    ]
    defaults = {"record_id": "r", "group_id": "g", "language": "ja", "split": "train", "weight": 1}
    return {**defaults, "messages": messages, **values}


def write(folder: Path, rows: list[dict[str, Any]], prefix: str = "", known: int = 1) -> Path:
    path = folder / "shard-00000.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    shard = {"path": prefix + path.name, "sha256": digest, "rows": len(rows)}
    (folder / "manifest.json").write_text(
        json.dumps({"format": known, "name": "faq", "shards": [shard]})
    )
    return folder


def load(folder: Path) -> DatasetVersion:
    return read_dataset_version(folder, read_parquet)


def test_rows_and_version(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, [row(), row(split="held_out", weight=4)]))
    manifest = (tmp_path / "manifest.json").read_bytes()
    assert dataset.version == hashlib.sha256(manifest).hexdigest()
    assert [one.weight for one in dataset.split("held_out")] == [4]


def test_shard_may_be_named_by_its_key_in_the_lake(tmp_path: Path) -> None:
    assert load(write(tmp_path, [row()], prefix="datasets/faq/v1/")).rows


def test_more_columns_than_known_are_fine(tmp_path: Path) -> None:
    assert load(write(tmp_path, [row(licence="CC0")])).rows


def test_changed_shard_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [row()])
    with (tmp_path / "shard-00000.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"shard-00000\.parquet does not have the SHA-256"):
        load(tmp_path)


def test_missing_shard_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [row()])
    (tmp_path / "shard-00000.parquet").unlink()
    with pytest.raises(ValueError, match="is in the manifest but not in"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"shards": [1]}', '{"shards": [{}]}'])
def test_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="not a dataset manifest"):
        load(tmp_path)


def test_missing_column_is_refused_by_name(tmp_path: Path) -> None:
    values = row()
    del values["answer"]
    with pytest.raises(ValueError, match="no column 'answer'"):
        load(write(tmp_path, [values]))


def test_weight_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="record r has weight 0"):
        load(write(tmp_path, [row(weight=0)]))


def test_format_of_a_later_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 3, "shards": []}')
    with pytest.raises(ValueError, match="format is 3; known are 1 and 2"):
        load(tmp_path)


def test_context_is_read_where_a_version_has_it(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "q0"}, {"role": "assistant", "content": "a0"}]
    before, after = row(), row(context=turns, source_uri="fb-1")
    (old,) = load(write(tmp_path, [before])).rows
    assert (old.context, old.source_uri) == ((), "")
    (new,) = load(write(tmp_path, [after])).rows
    assert (new.context, new.source_uri) == (tuple(turns), "fb-1")


def test_a_manifest_without_a_format_is_of_the_first(tmp_path: Path) -> None:
    write(tmp_path, [row()])
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["format"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (one,) = load(tmp_path).rows
    assert (one.question, one.answer, one.train_turns) == ("q", "a", "last")


def test_conversations_are_read(tmp_path: Path) -> None:
    long = chat("q0", "a0", "q", "a", train_turns="all", rejected="", rating=0)
    pair = chat("q", "a", train_turns="last", rejected="worse", rating=0)
    first, second = load(write(tmp_path, [long, pair], known=2)).rows
    assert (first.question, first.answer, len(first.context)) == ("q", "a", 2)
    assert first.own_messages == first.messages
    assert (second.rejected, second.context) == ("worse", ())


def test_of_a_question_after_others_only_the_last_turns_are_its_own(tmp_path: Path) -> None:
    (one,) = load(write(tmp_path, [chat("q0", "a0", "q", "a")], known=2)).rows
    assert [message["content"] for message in one.own_messages] == ["q", "a"]
    other = one.after([{"role": "system", "content": "s"}])
    assert [message["content"] for message in other.messages] == ["s", "q", "a"]


@pytest.mark.parametrize("said", [(), ("q",), ("q", "a", "q")])
def test_conversation_without_an_answer_is_refused(tmp_path: Path, said: tuple[str, ...]) -> None:
    rows = [chat("q", "a"), chat(*said, record_id="bad")]
    with pytest.raises(ValueError, match="record bad has messages that do not end"):
        load(write(tmp_path, rows, known=2))


def test_turns_that_are_not_known_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="record r has train_turns 'some', not all or last"):
        load(write(tmp_path, [chat("q", "a", train_turns="some")], known=2))


def test_what_a_person_found_bad_is_no_answer_to_give(tmp_path: Path) -> None:
    rows = [chat("q", "a", rating=1), chat("q", "b", rating=-1), chat("q", "c")]
    dataset = load(write(tmp_path, rows, known=2))
    assert [one.answer for one in dataset.answered("train")] == ["a", "c"]
    assert len(dataset.split("train")) == 3


def test_no_shard_is_read_that_is_not_what_it_was(tmp_path: Path) -> None:
    write(tmp_path, [row()])
    (tmp_path / "shard-00000.parquet").write_bytes(b"PAR1 planted")

    def read(path: Path, columns: object) -> list[dict[str, Any]]:
        raise AssertionError("read before it was checked")

    with pytest.raises(ValueError, match="does not have the SHA-256"):
        read_dataset_version(tmp_path, read)
