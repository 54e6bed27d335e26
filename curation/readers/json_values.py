"""JSON values with the lines they begin on; a broken one costs itself, the others are read."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from json import JSONDecodeError
from typing import Any

from curation.readers.entries import Broken, Entry, Found
from curation.readers.json_decoder import Complaint, Decoder
from curation.readers.json_lists import STRING, list_within, records_of, skip_between
from curation.readers.lines import MARK, damage, has_damage
from curation.readers.shapes import is_known_key

_BLANKS = re.compile(rf"[ \t{MARK}]*")
# Fewer than Python's own limit, wherever it is reached.
_MAX_DEPTH = 100
_OPENING = re.compile(r"[\[{]")
# A message is within a broken chat, not after it.
_ANY_KEY = r'"(?!(?:role|content|from|value)"\s*:)'
_FIRST_KEY = re.compile(rf"\{{\s*({STRING})\s*:")


def read_values(text: str, decoder: Decoder, line: int = 1) -> Iterator[Found]:
    """The values of a text that begins on `line`: one, one after the other, or a list's.

    A list within an object is read where it is the one that has records. Where a value is broken
    the next begins at the first `{` that begins a line and is indented no deeper, or that is
    followed by the first key of the first value that was read or, if that is a known one, of the
    broken one; by any but a message's where there is neither.
    """
    values = _Values(text, decoder, line)
    start = skip_between(text, 0)
    opening, is_sound = list_within(text, start, decoder)
    yield from values.read(start if opening is None else opening, is_within=is_sound)


class _Values:
    """Reads values from a text, and counts its lines on the way."""

    def __init__(self, text: str, decoder: Decoder, line: int) -> None:
        self._text, self._decoder = text, decoder
        self._line, self._line_start, self._counted = line, 0, 0
        self._line_end = "\n" if "\n" in text else "\r"
        self._is_damaged = has_damage(text)
        self._first_key: str | None = None

    def read(self, position: int, *, is_within: bool = False) -> Iterator[Found]:
        """Values one after the other, and the elements of lists among them, to the text's end.

        Of a list within an object the elements only.
        """
        line_of_list: int | None = None
        has_broken = False
        while (position := skip_between(self._text, position)) < len(self._text):
            if self._text[position] == "[" and line_of_list is None:
                line_of_list = self._line_at(position)
                position += 1
            elif self._text[position] in "]}":
                # Of the list, or of what was opened in a broken value.
                if is_within and self._text[position] == "]":
                    return
                line_of_list = None
                position += 1
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
            is_deep = isinstance(error, RecursionError)
            end = self._next_start(position, self._within(position) if is_deep else position)
        else:
            if self._has_remains(value, end):
                complaint = "broken_json", "something follows the object"
                end = self._next_start(position, position)
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
        last_end = self._text.rfind(self._line_end, self._counted, error.pos)
        column = error.pos - (last_end if num_lines else self._line_start - 1)
        where = (
            f"line {self._line + num_lines}, column {column}" if num_lines else f"column {column}"
        )
        return f"{error.msg} ({where})"

    def _has_remains(self, value: Any, end: int) -> bool:
        start = skip_between(self._text, end)
        is_parted = start == len(self._text) or "," in self._text[end:start]
        return isinstance(value, dict) and not is_parted and self._text[start] not in "{[]"

    def _within(self, position: int) -> int:
        """Far within a value that is nested too deeply.

        What begins before is too deep as well, or a part of it; to try each of them takes long.
        """
        openings = islice(_OPENING.finditer(self._text, position), _MAX_DEPTH)
        return deque((opening.start() for opening in openings), maxlen=1).pop()

    def _next_start(self, position: int, after: int) -> int:
        """Where the value after a broken one begins, see `read_values`: not before `after`."""
        end = len(self._text)
        blanks = _BLANKS.match(self._text, self._line_start)
        if blanks and blanks.end() >= position:
            indentation = position - self._line_start
            begins_a_line = re.compile(rf"[\r\n]{MARK}?[ \t]{{0,{indentation}}}(\{{)")
            found = begins_a_line.search(self._text, after)
            end = found.start(1) if found else end
        own = self._key_at(position)
        keys = [self._first_key, own if own and is_known_key(own[1:-1]) else None]
        known = "|".join(re.escape(key) for key in keys if key)
        first = rf"(?:{known})\s*:" if known else _ANY_KEY
        # Not the value of a key, nor the first of a list: that is within a broken object.
        is_object = self._text[position] == "{"
        begins_alike = re.compile(
            rf"[^:\[\s]\s*(\{{\s*{first})" if is_object else rf"(\{{\s*{first})"
        )
        found = begins_alike.search(self._text, after, end)
        return found.start(1) if found else end

    def _key_at(self, position: int) -> str | None:
        match = _FIRST_KEY.match(self._text, position)
        return match[1] if match else None

    def _line_at(self, position: int) -> int:
        self._line += self._text.count(self._line_end, self._counted, position)
        last_end = self._text.rfind(self._line_end, self._counted, position)
        self._line_start = self._line_start if last_end < 0 else last_end + 1
        self._counted = position
        return self._line
