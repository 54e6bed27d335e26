"""The lists of records that a JSON value has, or is."""

from __future__ import annotations

import re
from typing import Any

from curation.readers.fields import field_of
from curation.readers.json_decoder import Decoder
from curation.readers.lines import MARK
from curation.readers.shapes import SHAPES, names_a_record

# None begins at an escaped quote: of many in a row each would be looked at to the end.
STRING = r'(?<!\\)"(?:[^"\\]|\\.)*+"'
_BETWEEN = re.compile(rf"[\s,{MARK}]*")
_LIST_OF_OBJECTS = re.compile(rf"{STRING}\s*:\s*(\[)(?=\s*\{{)")


def records_of(value: Any) -> list[Any]:
    """The records of a value: a list's, or of the one list of records inside, else the value."""
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return value
    lists = _lists_of_records(value) if isinstance(value, dict) else []
    return lists[0] if len(lists) == 1 else [value]


def _lists_of_records(value: dict[str, Any]) -> list[list[Any]]:
    """Empty where the object is a record itself, whatever lists it has."""
    found: list[list[Any]] = []
    objects = [] if names_a_record(value) else [value]
    while objects:
        for one in objects.pop().values():
            if isinstance(one, dict):
                objects.append(one)
            elif isinstance(one, list) and any(map(_is_record, one)):
                found.append(one)
    return found


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and names_a_record(value)


def list_within(text: str, start: int, decoder: Decoder) -> tuple[int | None, bool]:
    """Where the one list of records within an object opens, and whether the object is sound.

    None where there is no such thing.

    A broken record makes the object broken too: then its first list is taken, if that begins with
    a record and the object names no field of one before.
    """
    if not text.startswith("{", start):
        return None, False
    try:
        value, end, _ = decoder.decode(text, start)
    except (ValueError, RecursionError):
        first = _LIST_OF_OBJECTS.search(text, start)
        if first is None or any(map(_begins_a_record, _keys(text[start : first.start()]))):
            return None, False
        begin = text[first.end() : text.find("}", first.end())]
        return (first.start(1) if any(map(_begins_a_record, _keys(begin))) else None), False
    records = records_of(value)
    if skip_between(text, end) < len(text) or records == [value]:
        return None, False
    openings = (match.start(1) for match in _LIST_OF_OBJECTS.finditer(text, start, end))
    opening = next((one for one in openings if _decodes_to(records, text, one, decoder)), None)
    return opening, opening is not None


def _keys(text: str) -> list[str]:
    return [string[1:-1] for string in re.findall(rf"({STRING})\s*:", text)]


def _begins_a_record(key: str) -> bool:
    """Whether a record has such a key; a message has some of the others."""
    return any(field_of(key) in shape.required for shape in SHAPES)


def _decodes_to(records: list[Any], text: str, opening: int, decoder: Decoder) -> bool:
    try:
        return bool(decoder.decode(text, opening)[0] == records)
    except (ValueError, RecursionError):
        return False


def skip_between(text: str, position: int) -> int:
    """Where a value may begin: after blanks, commas and byte order marks."""
    between = _BETWEEN.match(text, position)
    assert between
    return between.end()
