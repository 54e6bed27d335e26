"""JSON Lines: a record a line; also records over several lines, and several on one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from curation.readers.entries import Entry, Found
from curation.readers.json_decoder import Decoder
from curation.readers.json_lists import records_of
from curation.readers.json_values import read_values
from curation.readers.lines import MARK, Line, read_lines

_BLANKS = f" \t\r\n{MARK}"
_BRACKET_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]')


def read_json_lines(path: Path) -> Iterator[Found]:
    """The values of a raw object, in memory one after the other."""
    decoder = Decoder()
    part = _Part()
    for line in read_lines(path):
        if part.lines and not part.goes_on_with(line):
            yield from part.read(decoder)
            part = _Part()
        if part.lines:
            part.add(line)
            continue
        found = None if line.is_damaged else _whole(line, decoder)
        if found is None:
            part.add(line)
        else:
            yield from found
    if part.lines:
        yield from part.read(decoder)


def read_json(path: Path) -> Iterator[Found]:
    """The values of a raw object that is one JSON text: all of it is in memory."""
    text = "".join(line.text for line in read_lines(path))
    yield from read_values(text, Decoder())


def _whole(line: Line, decoder: Decoder) -> list[Found] | None:
    """What a line has that is one value; None where it isn't, or where one in it is no good."""
    text = line.text.strip(_BLANKS)
    if not text:
        return []
    try:
        value, end, complaint = decoder.decode(text, 0)
    except (ValueError, RecursionError):
        return None
    if complaint or end < len(text):
        return None
    return [Entry(line.number, one) for one in records_of(value)]


class _Part:
    """Lines that belong together: a value isn't closed at the end of the first."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._open: list[str] = []
        self._last = ""

    def add(self, line: Line) -> None:
        self.lines.append(line)
        # A string ends with its line at the latest, also where its quotes are broken.
        for match in _BRACKET_OR_STRING.finditer(line.text):
            if match[0] in ("[", "{"):
                self._open.append(match[0])
            elif match[0] in ("]", "}") and self._open:
                self._open.pop()
        self._last = line.text.rstrip(_BLANKS)[-1:] or self._last

    def goes_on_with(self, line: Line) -> bool:
        """Whether the next line is within a value that is open.

        An object that begins a line and is indented no deeper is the next record, unless it
        stands where the open value must have one.
        """
        if not self._open:
            return False
        text = line.text.lstrip(MARK)
        is_deeper = _indentation(text) > _indentation(self.lines[0].text.lstrip(MARK))
        begins_a_record = text.lstrip().startswith("{") and not is_deeper
        return not begins_a_record or self._open[-1] == "[" or self._last == ":"

    def read(self, decoder: Decoder) -> Iterator[Found]:
        text = "".join(line.text for line in self.lines)
        return read_values(text, decoder, self.lines[0].number)


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip(" \t"))
