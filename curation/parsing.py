"""Reads raw objects: what is usable as records, what is not as set aside with its reason."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curation.normalisation import normalise
from curation.records import Record, SetAside, Source
from meguru.limits import MAX_ANSWER_CHARACTERS, MAX_QUESTION_CHARACTERS, Message

ROLES = ("system", "user", "assistant")
FORMATS = (".jsonl", ".json", ".csv")
_LINE_END = re.compile("\r\n|\r|\n")
Parsed = Record | SetAside


def parse_document(path: Path, uri: str) -> Iterator[Parsed]:
    """The records of one raw object: JSON Lines, JSON (an array) or CSV with a header, in UTF-8.

    A record has `question`, `answer` and, where there are more ways to ask, `phrasings` (in CSV one
    per line of the cell).
    """
    source = Source("document", uri)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield SetAside("undecodable", f"not UTF-8 text: {error}", source, "")
        return
    readers = dict(zip(FORMATS, (_read_json_lines, _read_json, _read_csv), strict=True))
    reader = readers.get(path.suffix.lower())
    if reader is None:
        detail = f"'{path.suffix}' is not read yet; known are {', '.join(readers)}"
        yield SetAside("unsupported_format", detail, source, "")
        return
    for value in reader(text, source):
        yield value if isinstance(value, SetAside) else _check(value, source)


def parse_feedback(path: Path) -> Parsed | None:
    """One feedback object; None where it corrects nothing."""
    source = Source("feedback", path.stem)
    try:
        value = _loads(path.read_bytes())
        if not value["corrected_output"]:
            return None
        source = Source("feedback", _text(value["feedback_id"]))
        row = {"question": value["question"], "answer": value["corrected_output"]}
        context = _context(value.get("context") or [])
        parsed = _check(row, source, created_at=_utc(value["created_at"]))
        return replace(parsed, context=context) if isinstance(parsed, Record) else parsed
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        content = path.read_bytes().decode("utf-8", "replace")
        return SetAside("broken_feedback", f"not a feedback record: {error!r}", source, content)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is not a text")
    return value


def _context(messages: Any) -> tuple[Message, ...]:
    """The messages before a question; feedback of earlier releases has none."""
    context = tuple({"role": one["role"], "content": one["content"]} for one in messages)
    for message in context:
        if message["role"] not in ROLES or not isinstance(message["content"], str):
            raise TypeError(f"{message!r} is not a message")
        message["content"].encode()  # UnicodeEncodeError for half of a character
    return context


def _utc(value: Any) -> str:
    """A moment in one notation, so that the newest is the one that sorts last."""
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"'{value}' has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number in JSON")
    return number


def _read_json_lines(text: str, source: Source) -> Iterator[Any]:
    # Only these end a line in JSON Lines; str.splitlines knows more than a text may contain.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if line.strip():
            try:
                yield _loads(line)
            except (ValueError, RecursionError) as error:
                yield SetAside("broken_json", f"line {number}: {error}", source, line)


def _read_json(text: str, source: Source) -> Iterator[Any]:
    try:
        value = _loads(text)
    except (ValueError, RecursionError) as error:
        yield SetAside("broken_json", str(error), source, text)
        return
    yield from value if isinstance(value, list) else [value]


def _read_csv(text: str, source: Source) -> Iterator[Any]:
    # A long cell is for the check to refuse, and no reason to read no further.
    csv.field_size_limit(max(len(text), 1))
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), strict=True):
            phrasings = _LINE_END.split(row.get("phrasings") or "")
            value: dict[Any, Any] = {
                **row,
                "phrasings": [phrasing for phrasing in phrasings if phrasing.strip()],
            }
            # Cells beyond the header are under no name.
            extra = value.pop(None, None)
            yield _unquoted(value, extra, source) if extra else value
    except csv.Error as error:
        yield SetAside("broken_csv", str(error), source, text)


def _unquoted(row: dict[str, Any], extra: list[str], source: Source) -> SetAside:
    detail = "the row has more cells than the header: a cell with a comma has to be quoted"
    return SetAside("broken_csv", detail, source, {**row, "beyond_the_header": extra})


def _check(value: Any, source: Source, created_at: str = "") -> Parsed:
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
        return "wrong_type", "'phrasings' has to be an array of texts"
    for name, text in [("question", value.get("question")), ("answer", value.get("answer"))]:
        if text is None or (isinstance(text, str) and not normalise(text)):
            return f"missing_{name}", f"'{name}' is missing or empty"
    for text in (value["question"], value["answer"], *phrasings):
        if not isinstance(text, str) or not normalise(text):
            return "wrong_type", "questions and answers have to be text that is not empty"
        if any("\ud800" <= character <= "\udfff" for character in text):
            return "undecodable", "the text has half of a character"
    return _length_complaint([value["question"], *phrasings], value["answer"])


def _length_complaint(questions: list[str], answer: str) -> tuple[str, str] | None:
    for name, text, limit in [
        *(("question", question, MAX_QUESTION_CHARACTERS) for question in questions),
        ("answer", answer, MAX_ANSWER_CHARACTERS),
    ]:
        if len(text) > limit:
            return "too_long", f"the {name} has {len(text)} characters, at most {limit} are taken"
    return None
