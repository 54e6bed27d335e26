"""Reads raw objects: what is usable as records, what is not as set aside with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.conversations import Unusable, conversation_record
from curation.normalisation import normalise
from curation.readers.encodings import NotText
from curation.readers.entries import Broken, Found
from curation.readers.fields import named_by_field
from curation.readers.json_lines import read_json, read_json_lines
from curation.readers.shapes import QUESTION, complaint_of_keys, shape_of
from curation.readers.tables import read_table
from curation.records import (
    Parsed,
    Record,
    SetAside,
    Source,
    has_half_a_character,
    kind_of,
)
from meguru.limits import (
    MAX_ANSWER_CHARACTERS,
    MAX_QUESTION_CHARACTERS,
)

_READERS = {
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
    ".csv": read_table,
    ".tsv": read_table,
}
FORMATS = tuple(_READERS)


def parse_document(path: Path, uri: str) -> Iterator[Parsed]:
    """The records of one raw object, and what in it is none, each with the line it begins on.

    A record has `question`, `answer` and, where there are more ways to ask, `phrasings` (in a table
    one per line of the cell); or it has one of the other shapes. What can't be read costs the
    record it is in.
    """
    source = Source("document", uri)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        detail = f"'{path.suffix}' is not read yet; known are {', '.join(_READERS)}"
        yield SetAside("unsupported_format", detail, source, "")
        return
    is_empty = True
    try:
        for found in reader(path):
            is_empty = False
            yield _parsed(found, source)
    except NotText as error:
        yield SetAside("undecodable", str(error), source, "")
        return
    # An object of no bytes is a folder's marker, or has nothing to miss.
    if is_empty and path.stat().st_size:
        yield SetAside("no_records", "nothing in it is a record", source, "")


def _parsed(found: Found, source: Source) -> Parsed:
    if isinstance(found, Broken):
        return SetAside(found.reason, f"line {found.line}: {found.detail}", source, found.content)
    parsed = _check_names(found.value, source)
    if isinstance(parsed, SetAside):
        return replace(parsed, detail=f"line {found.line}: {parsed.detail}")
    return parsed


def _check_names(value: Any, source: Source) -> Parsed:
    if not isinstance(value, dict):
        return question_record(value, source)
    keys = tuple(value)
    complaint = complaint_of_keys(keys)
    if complaint:
        return SetAside(*complaint, source, value)
    # Where data of several shapes was put together, an object has null for those it hasn't.
    given = tuple(name for name, one in value.items() if one is not None)
    shape = shape_of(given) or shape_of(keys) or QUESTION
    named = dict(zip(named_by_field(keys, shape.fields), value.values(), strict=True))
    if shape == QUESTION:
        return question_record(named, source)
    try:
        return conversation_record(named, shape, source)
    except Unusable as error:
        return SetAside(error.reason, error.detail, source, value)


def question_record(value: Any, source: Source, created_at: str = "") -> Parsed:
    """A question with its answer as a record, where it is one."""
    complaint = _complaint(value)
    if complaint:
        return SetAside(*complaint, source, value)
    questions = (value["question"], *(value.get("phrasings") or ()))
    return Record(tuple(dict.fromkeys(questions)), value["answer"], source, created_at)


def _complaint(value: Any) -> tuple[str, str] | None:
    """The reason, and its detail for a person; None where the value is a usable record."""
    if not isinstance(value, dict):
        return "not_a_record", "a record is an object with a question and an answer"
    phrasings = value.get("phrasings") or []
    if not isinstance(phrasings, list):
        return "wrong_type", f"'phrasings' has to be a list of texts, and is {kind_of(phrasings)}"
    for name, text in [("question", value.get("question")), ("answer", value.get("answer"))]:
        if text is None or (isinstance(text, str) and not normalise(text)):
            return f"missing_{name}", f"'{name}' is missing or empty"
    for number, text in enumerate((value["question"], value["answer"], *phrasings), -1):
        if not isinstance(text, str) or not normalise(text):
            return "wrong_type", f"{_place(number)} has to be text, and is {kind_of(text)}"
        if has_half_a_character(text):
            return "undecodable", "the text has half of a character"
    return _length_complaint([value["question"], *phrasings], value["answer"])


def _place(number: int) -> str:
    """The name of a text of a record; phrasings are counted from 1."""
    return {-1: "'question'", 0: "'answer'"}.get(number) or f"number {number} of 'phrasings'"


def _length_complaint(questions: list[str], answer: str) -> tuple[str, str] | None:
    for name, text, limit in [
        *(("question", question, MAX_QUESTION_CHARACTERS) for question in questions),
        ("answer", answer, MAX_ANSWER_CHARACTERS),
    ]:
        if len(text) > limit:
            return "too_long", f"the {name} has {len(text)} characters, at most {limit} are taken"
    return None
