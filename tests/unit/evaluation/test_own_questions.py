"""A company's own questions: labelled ones are measured, broken lines are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaluation.own_questions import read_own_questions
from tests.unit.evaluation.answers import make_row

ACCEPTED = {"verdict": "accept", "answer": "10日です。"}


def write(folder: Path, *lines: Any, name: str = "own.jsonl") -> None:
    folder.mkdir(exist_ok=True)
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / name).write_text(text)


def item(question: str, label: Any = None, **values: Any) -> dict[str, Any]:
    return {
        "question": question,
        "answers": ["10日です。", "知りません。"],
        "label": label,
        **values,
    }


def test_labelled_questions_become_rows(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "休暇"}, {"role": "assistant", "content": "はい"}]
    write(tmp_path, item("締切は?", ACCEPTED, context=turns), item("まだ"))
    own = read_own_questions(tmp_path, [])
    [row] = own.rows
    assert (row.question, row.answer, row.language) == ("締切は?", "10日です。", "ja")
    assert list(row.context) == turns
    assert own.num_unlabelled == 1


def test_of_ranked_answers_the_last_is_rejected(tmp_path: Path) -> None:
    label = {"verdict": "rank", "answer": "10日です。", "ranking": [0, 1]}
    write(tmp_path, item("締切は?", label))
    own = read_own_questions(tmp_path, [])
    [row] = own.rows
    assert (row.answer, row.rejected) == ("10日です。", "知りません。")
    assert own.describe()["num_pairs"] == 1


def test_a_broken_line_or_file_is_named_and_leaves_the_others(tmp_path: Path) -> None:
    write(tmp_path, item("締切は?", ACCEPTED), "{", item("", ACCEPTED), item("x", {"verdict": "?"}))
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    own = read_own_questions(tmp_path, [])
    assert len(own.rows) == 1
    assert [problem.partition(":")[0] for problem in own.problems] == [
        "binary.jsonl, line 1",
        "own.jsonl, line 2",
        "own.jsonl, line 3",
        "own.jsonl, line 4",
    ]
    assert own.describe()["num_problems"] == 4


def test_what_was_learnt_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, item("締切は?", ACCEPTED), item("窓口は?", ACCEPTED))
    own = read_own_questions(tmp_path, [make_row("締切は?", split="train")])
    assert [row.question for row in own.rows] == ["窓口は?"]
    assert own.num_learnt == 1


def test_a_question_in_two_files_is_asked_once(tmp_path: Path) -> None:
    write(tmp_path, item("締切は?", ACCEPTED), name="a.jsonl")
    later = {"verdict": "correct", "answer": "11日です。"}
    write(tmp_path, item("締切は?", later), name="b.jsonl")
    [row] = read_own_questions(tmp_path, []).rows
    assert row.answer == "11日です。"


def test_no_folder_has_none(tmp_path: Path) -> None:
    assert read_own_questions(tmp_path / "none", []).rows == []
