"""A dataset version read back, as curation has written it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cli.dataset import MAX_EXCERPT_CHARACTERS, MAX_LISTED, Dataset, read_dataset
from cli.loop import LoopFailed
from curation.__main__ import curate
from tests.unit.cli.folder_loop import FolderLoop


def curated(folder: Path, files: Mapping[str, str | bytes]) -> Dataset:
    """The version curation makes of these documents."""
    for name, content in files.items():
        path = folder / "in" / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = curate(folder / "in", folder / "lake", dataset="text", feedback_weight=1)
    return read_dataset(FolderLoop(folder / "lake"), result["version"])


def line(question: str, *phrasings: str) -> str:
    value: dict[str, Any] = {"question": question, "answer": "It is due on the tenth."}
    return json.dumps(value | {"phrasings": list(phrasings)}) + "\n"


def test_what_each_document_gave_and_what_was_set_aside(tmp_path: Path) -> None:
    whole = line("When is it due?", "By when?", "Until which day?")
    files = {"a.jsonl": whole, "b.jsonl": whole + "{broken", "c.docx": ""}
    dataset = curated(tmp_path, files)
    dataset.check_usable()
    assert dataset.records_by_document == {"raw/a.jsonl": 3, "raw/b.jsonl": 0, "raw/c.docx": 0}
    by_reason = {one["reason"]: one for one in dataset.set_aside}
    assert by_reason.keys() == {"broken_json", "exact_duplicate", "unsupported_format"}
    assert by_reason["broken_json"]["source"] == "raw/b.jsonl"
    assert by_reason["broken_json"]["detail"].startswith("line 2: ")
    assert by_reason["exact_duplicate"]["record"] == "When is it due?"


def test_a_record_that_is_not_text_can_be_written_into_a_report(tmp_path: Path) -> None:
    good, bad = (
        f'{{"question": "{question}", "answer": "毎月25日です"}}\n'
        for question in ("精算の締め切りはいつですか", "給料日はいつですか")
    )
    dataset = curated(tmp_path, {"a.jsonl": (good * 3).encode() + bad.encode("cp932")})
    record = {one["reason"]: one["record"] for one in dataset.set_aside}["undecodable"]
    assert "\\udc" in record
    assert record.encode()


def test_long_lists_and_long_records_are_cut(tmp_path: Path) -> None:
    dataset = curated(tmp_path, {"a.jsonl": ("x" * 500 + "\n") * (MAX_LISTED + 5)})
    assert len(dataset.set_aside) == MAX_LISTED
    assert len(dataset.set_aside[0]["record"]) == MAX_EXCERPT_CHARACTERS + 1
    assert dataset.manifest["set_aside"]["broken_json"] == MAX_LISTED + 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{broken", ["no record to train on", "broken_json 1", "raw/a.jsonl: line 1"]),
        ("", ["no record to train on"]),
        ("\n", ["no record to train on", "no_records 1"]),
        (line("When?", "By when?"), ["of 2 records none is held out", "two phrasings"]),
    ],
)
def test_nothing_to_train_on_or_to_measure_with(
    tmp_path: Path, content: str, said: list[str]
) -> None:
    dataset = curated(tmp_path, {"a.jsonl": content})
    with pytest.raises(LoopFailed) as refused:
        dataset.check_usable()
    assert all(part in str(refused.value) for part in said), str(refused.value)
