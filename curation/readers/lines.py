"""The lines of a raw object as an editor counts them, read as they are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from curation.readers.encodings import WIDE, decode_line, encoding_of

MARK = "\ufeff"
_LONE_CARRIAGE_RETURN = re.compile(r"(?<=\r)(?!\n)")
_DAMAGE = re.compile("[\ud800-\udfff\ufffd]")


class Line(NamedTuple):
    """One line with its end (CRLF, LF or CR). Where it is damaged, escaped bytes stand in it."""

    number: int
    text: str
    is_damaged: bool = False


def read_lines(path: Path) -> Iterator[Line]:
    """All lines, in the encoding found for the object. Raises NotText."""
    encoding = encoding_of(path)
    texts = _wide_texts(path, encoding) if encoding in WIDE else _texts(path, encoding)
    for number, (text, is_damaged) in enumerate(texts, 1):
        yield Line(number, text, is_damaged)


def has_damage(text: str) -> bool:
    """Whether escaped bytes stand in a text of a damaged line."""
    return _DAMAGE.search(text) is not None


def damage(text: str) -> str:
    """For a person: which byte isn't in the object's encoding, and what the text may be."""
    escaped = re.search("[\udc80-\udcff]", text)
    if not escaped:
        return "half of a character: save the file as UTF-8"
    raw = text.encode("utf-8", "surrogateescape")
    said = f"the byte 0x{ord(escaped[0]) - 0xDC00:02x} is not in the encoding of the file"
    for name, encoding in (("UTF-8", "utf-8"), ("Shift_JIS", "cp932")):
        read, is_damaged = decode_line(raw, encoding)
        if not is_damaged:
            said += f" (as {name} it reads {read.strip()[:40]!r})"
    return f"{said}: save the whole file as UTF-8"


def _texts(path: Path, encoding: str) -> Iterator[tuple[str, bool]]:
    with path.open("rb") as file:
        for raw in file:
            text, is_damaged = decode_line(raw, encoding)
            if text.count("\r") == text.endswith("\r\n"):
                yield text, is_damaged
                continue
            for part in _LONE_CARRIAGE_RETURN.split(text):
                if part:
                    yield part, is_damaged and has_damage(part)


def _wide_texts(path: Path, encoding: str) -> Iterator[tuple[str, bool]]:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        for text in file:
            yield text, "\ufffd" in text
