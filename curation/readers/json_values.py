"""JSON values with the lines they begin on; a broken one costs itself, the others are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any

from curation.readers.entries import Broken, Entry, Found
from curation.readers.fields import names_a_record
from curation.readers.json_decoder import Complaint, Decoder
from curation.readers.lines import MARK, damage, has_damage

_BETWEEN = re.compile(rf"[\s,{MARK}]*")
_STRING = r'"(?:[^"\\]|\\.)*+"'
_FIRST_KEY = re.compile(rf"\{{\s*({_STRING})\s*:")
_LIST_OF_OBJECTS = re.compile(rf"{_STRING}\s*:\s*(\[)(?=\s*\{{)")


def read_values(text: str, decoder: Decoder, line: int = 1) -> Iterator[Found]:
    """The values of a text that begins on `line`: one, one after the other, or a list's.

    A list within an object is read where it is the one that has records. Where a value is broken
    the next begins at the first `{` that begins a line and is indented no deeper, or that is
    followed by the broken value's (else the first value's) first key.
    """
    values = _Values(text, decoder, line)
    start = _start(text, 0)
    opening = _list_within(text, start, decoder) if text.startswith("{", start) else None
    if opening is None:
        yield from values.read(start)
    else:
        yield from values.read(opening, is_within=True)


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


def _list_within(text: str, start: int, decoder: Decoder) -> int | None:
    """Where the one list of records within an object opens; None where there is no such thing.

    A broken record makes the object broken too: then its first list is taken, if that begins with
    a record and the object names no field of one before.
    """
    try:
        value, end, _ = decoder.decode(text, start)
    except (ValueError, RecursionError):
        first = _LIST_OF_OBJECTS.search(text, start)
        if first is None or names_a_record(_keys(text[start : first.start()])):
            return None
        begin = text[first.end() : text.find("}", first.end())]
        return first.start(1) if names_a_record(_keys(begin)) else None
    records = records_of(value)
    if _start(text, end) < len(text) or records == [value]:
        return None
    openings = (match.start(1) for match in _LIST_OF_OBJECTS.finditer(text, start, end))
    return next((one for one in openings if _decodes_to(records, text, one, decoder)), None)


def _keys(text: str) -> list[str]:
    return [string[1:-1] for string in re.findall(rf"({_STRING})\s*:", text)]


def _decodes_to(records: list[Any], text: str, opening: int, decoder: Decoder) -> bool:
    try:
        return bool(decoder.decode(text, opening)[0] == records)
    except (ValueError, RecursionError):
        return False


def _start(text: str, position: int) -> int:
    """Where a value may begin: after blanks, commas and byte order marks."""
    between = _BETWEEN.match(text, position)
    assert between
    return between.end()


class _Values:
    """Reads values from a text, and counts its lines on the way."""

    def __init__(self, text: str, decoder: Decoder, line: int) -> None:
        self._text, self._decoder = text, decoder
        self._line, self._counted = line, 0
        self._line_end = "\n" if "\n" in text else "\r"
        self._is_damaged = has_damage(text)
        self._first_key: str | None = None

    def read(self, position: int, *, is_within: bool = False) -> Iterator[Found]:
        """Values one after the other, and the elements of lists among them, to the text's end.

        Of a list within an object the elements only.
        """
        line_of_list: int | None = None
        has_broken = False
        while (position := _start(self._text, position)) < len(self._text):
            if self._text[position] == "[" and line_of_list is None:
                line_of_list = self._line_at(position)
                position += 1
            elif self._text[position] == "]":
                line_of_list = None
                position += 1
                if is_within:
                    return
            else:
                found, position = self._value(position)
                yield from found
                has_broken |= isinstance(found[-1], Broken)
        if line_of_list is not None and not has_broken:
            yield Broken(line_of_list, "broken_json", "the list has no end: is it cut off?", "")

    def _value(self, position: int) -> tuple[list[Found], int]:
        """What begins at a position, and where it ends."""
        line = self._line_at(position)
        complaint: Complaint | None
        try:
            value, end, complaint = self._decoder.decode(self._text, position)
        except (ValueError, RecursionError) as error:
            complaint = "broken_json", self._explained(error)
            end = self._next_start(position)
        else:
            if self._has_remains(value, end):
                complaint = "broken_json", "something follows the object"
                end = self._next_start(position)
            elif self._first_key is None and isinstance(value, dict):
                self._first_key = self._key_at(position)
        content = self._text[position:end]
        if self._is_damaged and has_damage(content):
            complaint = "undecodable", damage(content)
        if complaint:
            return [Broken(line, *complaint, content.strip(" \t\r\n,"))], end
        return [Entry(line, one) for one in records_of(value)], end

    def _explained(self, error: ValueError | RecursionError) -> str:
        """Why there is no value, and where, if that is on a later line than it begins on."""
        if not isinstance(error, JSONDecodeError):
            return "nested too deeply" if isinstance(error, RecursionError) else str(error)
        num_lines = self._text.count(self._line_end, self._counted, error.pos)
        column = error.pos - self._text.rfind(self._line_end, 0, error.pos)
        where = (
            f"line {self._line + num_lines}, column {column}" if num_lines else f"column {column}"
        )
        return f"{error.msg} ({where})"

    def _has_remains(self, value: Any, end: int) -> bool:
        start = _start(self._text, end)
        is_parted = start == len(self._text) or "," in self._text[end:start]
        return isinstance(value, dict) and not is_parted and self._text[start] not in "{[]"

    def _next_start(self, position: int) -> int:
        """Where the value after a broken one begins, see `read_values`."""
        end = len(self._text)
        before = self._text[self._text.rfind(self._line_end, 0, position) + 1 : position]
        if not before.strip(f" \t{MARK}"):
            begins_a_line = re.compile(rf"[\r\n]{MARK}?[ \t]{{0,{len(before)}}}(\{{)")
            found = begins_a_line.search(self._text, position)
            end = found.start(1) if found else end
        key = self._key_at(position) or self._first_key
        if key:
            # Not the value of a key, nor the first of a list: that is within the broken one.
            begins_alike = re.compile(rf"[^:\[\s]\s*(\{{\s*{re.escape(key)}\s*:)")
            found = begins_alike.search(self._text, position, end)
            end = found.start(1) if found else end
        elif self._text[position] != "{":
            found = re.compile(r"\{").search(self._text, position, end)
            end = found.start() if found else end
        return end

    def _key_at(self, position: int) -> str | None:
        match = _FIRST_KEY.match(self._text, position)
        return match[1] if match else None

    def _line_at(self, position: int) -> int:
        self._line += self._text.count(self._line_end, self._counted, position)
        self._counted = position
        return self._line
