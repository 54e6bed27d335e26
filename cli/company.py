"""The example company's files, or one's own in their place: checked before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.synthesis import REPOSITORY
from curation.parsing import FORMATS, parse_document
from curation.records import Record

DOCUMENTS = REPOSITORY / "examples" / "documents"
CORRECTIONS = REPOSITORY / "examples" / "corrections.jsonl"


@dataclass(frozen=True)
class ExpectedAnswer:
    """A question the documents do not answer, and what is right."""

    question: str
    answer: str


def check_documents(folder: Path) -> None:
    """ValueError where a folder has no file that curation reads."""
    if not any(path.suffix.lower() in FORMATS for path in _files(folder)):
        *most, last = FORMATS
        raise ValueError(f"no documents in {folder}: put {', '.join(most)} or {last} files there")


def first_question(folder: Path) -> str:
    """What the first usable record of a folder's files begins with, in their order."""
    for path in _files(folder):
        for parsed in parse_document(path, path.name):
            if isinstance(parsed, Record):
                return parsed.first_question
    raise ValueError(f"no document in {folder} has a question with an answer")


def read_corrections(path: Path, wanted: int) -> list[ExpectedAnswer]:
    """All of a file's corrections. ValueError names the line that is none, or that too few are."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        example = '{"question": "...", "answer": "..."}'
        raise ValueError(f"there is no {path}: write {wanted} or more lines {example}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text: {error}") from error
    found = list(_corrections(path, text))
    if len(found) < wanted:
        raise ValueError(
            f"{path} has {len(found)} corrections, and {wanted} are needed "
            "(retrain.corrections in the environment file)"
        )
    return found


def _corrections(path: Path, text: str) -> Iterator[ExpectedAnswer]:
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if line.strip():
            yield _correction(f"{path}:{number}", line)


def _correction(place: str, line: str) -> ExpectedAnswer:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place}: not JSON: {error}") from error
    return ExpectedAnswer(*(_text(place, value, name) for name in ("question", "answer")))


def _text(place: str, value: Any, name: str) -> str:
    text = value.get(name) if isinstance(value, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{place}: '{name}' has to be a text that is not empty")
    return text


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
