"""One's own documents and corrections, as a person may leave them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.company import (
    CORRECTIONS,
    DOCUMENTS,
    ExpectedAnswer,
    check_documents,
    first_question,
    read_corrections,
)

LINE = '{"question": "q", "answer": "a"}\n'


def test_the_example_company_is_usable() -> None:
    check_documents(DOCUMENTS)
    assert first_question(DOCUMENTS)
    assert len(read_corrections(CORRECTIONS, 3)) >= 3


@pytest.mark.parametrize("name", [None, "hr/letter.docx", ".gitkeep"])
def test_no_document_that_is_read(tmp_path: Path, name: str | None) -> None:
    folder = tmp_path / "documents"
    if name:
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
    with pytest.raises(ValueError) as refused:
        check_documents(folder)
    said = f"no documents in {folder}: put .jsonl, .ndjson, .json, .csv or .tsv files there"
    assert str(refused.value) == said


def test_the_first_question_is_the_first_usable_one(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"\xff")
    (tmp_path / "b.csv").write_text("question,answer\n,nothing asked\nWhen?,Now.\n")
    (tmp_path / "c.jsonl").write_text(LINE)
    check_documents(tmp_path)
    assert first_question(tmp_path) == "When?"


def test_no_question_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ValueError, match="no document in"):
        first_question(tmp_path)


def test_corrections(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    path.write_text("\ufeff" + LINE + "\r\n" + json.dumps({"question": "いつ?", "answer": "今"}))
    wanted = [ExpectedAnswer("q", "a"), ExpectedAnswer("いつ?", "今")]
    assert read_corrections(path, 2) == wanted


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no {path}: write 2 or more lines"),
        (b"", "{path} has 0 corrections, and 2 are needed"),
        (LINE.encode(), "{path} has 1 corrections, and 2 are needed"),
        (LINE.encode() * 2 + b'{"question": "q"', "{path}:3: not JSON: "),
        (LINE.encode() + b"[1]", "{path}:2: 'question' has to be a text"),
        (b'\n{"question": "q", "answer": 5}', "{path}:2: 'answer' has to be a text"),
        (b'{"question": " ", "answer": "a"}', "{path}:1: 'question' has to be a text"),
        (b"\xff\xfe", "{path}: not UTF-8 text: "),
    ],
)
def test_corrections_that_are_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "corrections.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError) as refused:
        read_corrections(path, 2)
    assert str(refused.value).startswith(said.format(path=path))
    assert "\n" not in str(refused.value)
