"""The labelling file: read with its lines' faults by name, written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from meguru.labels import Item, Label, read_item, read_items, read_usable_items, write_items

LABEL = Label("rank", "b", (1, 0), "2026-11-01T00:00:00+00:00", "hana")


def write(path: Path, *lines: Any) -> Path:
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "休暇"}]
    path = write(tmp_path / "a.jsonl", {"question": "締切は?", "answers": ["a", "b"],
                                        "context": turns, "note": "残す"})  # fmt: skip
    [item] = read_items(path)
    write_items(path, [item.labelled(LABEL)])
    [again] = read_items(path)
    assert (again.label, again.rejected) == (LABEL, "a")
    assert again.values["note"] == "残す"
    assert list(again.context) == turns


def test_samples_of_an_evaluation_are_questions_to_label() -> None:
    values = {"record_id": "r1", "question": "q", "expected": "右", "answer": "左", "context": []}
    item = read_item(values)
    assert (item.item_id, item.answers) == ("r1", ("右", "左"))
    assert read_item({**values, "answer": "右"}).answers == ("右",)
    assert read_item({**values, "serving_answer": "前"}).answers == ("右", "左", "前")
    assert read_item({**values, "serving_answer": "左"}).answers == ("右", "左")


def test_what_was_ranked_without_the_serving_version_s_answer_stays_a_label() -> None:
    label = {"verdict": "rank", "answer": "左", "ranking": [1, 0]}
    values = {"question": "q", "expected": "右", "answer": "左", "serving_answer": "前"}
    assert read_item({**values, "label": label}).rejected == "右"
    assert read_item({**values, "label": {**label, "ranking": [1, 0, 2]}}).rejected == "前"
    with pytest.raises(ValueError, match="no order of the 3 answers"):
        read_item({**values, "label": {**label, "ranking": [2, 0]}})
    chosen = {"question": "q", "answers": ["右", "左", "前"], "label": label}
    with pytest.raises(ValueError, match="no order of the 3 answers"):
        read_item(chosen)


def test_the_same_question_has_the_same_id() -> None:
    assert read_item({"question": "q"}).item_id == read_item({"question": "q"}).item_id
    turns = [{"role": "user", "content": "x"}]
    assert (
        read_item({"question": "q"}).item_id
        != read_item({"question": "q", "context": turns}).item_id
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "not an object"),
        ({"ask": "q"}, "no text in 'question'; it has ask"),
        ({"question": " "}, "no text in 'question'"),
        ({"question": "q", "answers": "a"}, "'answers' is no list"),
        ({"question": "q", "answers": [1]}, "'answers' is no list"),
        ({"question": "q", "context": [{"role": "robot", "content": ""}]}, "'context'"),
        ({"question": "q", "label": {"verdict": "good"}}, "no 'verdict'"),
        ({"question": "q", "label": {"verdict": "accept", "answer": ""}}, "no text in 'answer'"),
        ({"question": "q", "answers": ["a", "b"],
          "label": {"verdict": "rank", "answer": "a", "ranking": [0, 0]}}, "no order"),
        ({"question": "q", "answers": ["a", "b"],
          "label": {"verdict": "rank", "answer": "a", "ranking": [1, "x"]}}, "no order"),
    ],
)  # fmt: skip
def test_a_line_that_is_none_says_why(values: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_item(values)


def test_faults_are_named_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"question": "q"}\r\n\n{"question"\n\xff\n{"question": "r"}')
    items, problems = read_usable_items(path)
    assert [item.question for item in items] == ["q", "r"]
    assert [problem.partition(":")[0] for problem in problems] == [
        "a.jsonl, line 3",
        "a.jsonl, line 4",
    ]
    with pytest.raises(ValueError, match=r"a\.jsonl, line 3: not JSON"):
        read_items(path)


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.jsonl", {"question": "q"})
    before = path.read_bytes()

    def full(number: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_items(path, [Item("other", ())])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_rights_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"question": "q"})
    path.chmod(0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    write_items(link, read_items(link))
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
