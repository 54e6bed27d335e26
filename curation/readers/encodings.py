"""Which encoding a raw object is in: never guessed where the bytes leave room for another."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

UTF_8 = "utf-8"
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# The mark of UTF-32 begins with the one of UTF-16, so it is looked for first.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_ISO_2022_JP = "iso2022_jp_ext"
_BINARY = {
    b"PK\x03\x04": "a ZIP archive or an Office file (.xlsx, .docx)",
    b"\xd0\xcf\x11\xe0": "an Office file of the older form (.xls, .doc)",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_HEAD_BYTES = 1 << 16
_SAMPLE_BYTES = 1 << 20
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
# Half-width katakana are single bytes in CP932, so almost any bytes give them.
_TELLING = re.compile("[^\0-\x7f\uff61-\uff9f]")
# Python's CP932 gives a character for bytes that no character has, and for a company's own ones.
_NO_TEXT = re.compile("[\x80-\xa0\ue000-\uf8ff]")


class NotText(ValueError):
    """The object is no text in any encoding."""


def encoding_of(path: Path) -> str:
    """The encoding of a raw object by its mark, else by its lines. Raises NotText.

    UTF-8 unless most lines with other than ASCII are no UTF-8 and nine in ten of these are,
    strictly decoded, common Japanese text in CP932, EUC-JP or ISO-2022-JP. A line that isn't in
    the object's encoding is for `decode_line` to mark.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    wide = _wide_without_mark(head)
    if wide:
        return wide
    for begin, what in _BINARY.items():
        if head.startswith(begin):
            raise NotText(f"not a text but {what}")
    num_controls = len(head) - len(head.translate(None, _CONTROLS))
    if num_controls > max(32, len(head) // 20):
        raise NotText("not a text: too many control characters")
    with path.open("rb") as file:
        return _by_lines(file)


def decode_line(raw: bytes, encoding: str) -> tuple[str, bool]:
    """A line's text, and whether it isn't wholly in the encoding: then its bytes are escaped."""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        base = UTF_8 if encoding == UTF_8 else "ascii"
        return raw.decode(base, "surrogateescape"), True
    if encoding == UTF_8 or text.isascii() or _is_strict(text, raw):
        return text, False
    return raw.decode("ascii", "surrogateescape"), True


def _is_strict(text: str, raw: bytes) -> bool:
    if _NO_TEXT.search(text):
        return False
    # A line of UTF-8 in a file of another encoding may decode, to another text.
    return not (_is_utf_8(raw) and _KANA.search(raw.decode()))


def _by_lines(lines: Iterable[bytes]) -> str:
    num_utf_8 = num_escaped = num_others = num_bytes = 0
    others: list[bytes] = []
    escaped: list[bytes] = []
    for line in lines:
        if line.isascii():
            if b"\x1b$" not in line:
                continue
            num_escaped += 1
            sample = escaped
        elif _is_utf_8(line):
            num_utf_8 += 1
            continue
        else:
            num_others += 1
            sample = others
        if num_bytes < _SAMPLE_BYTES:
            sample.append(line)
            num_bytes += len(line)
    if num_escaped > num_utf_8 + num_others:
        return _ISO_2022_JP if _num_common(escaped, _ISO_2022_JP) else UTF_8
    if num_utf_8 >= num_others:
        return UTF_8
    scores = {encoding: _num_common(others, encoding) for encoding in ("cp932", "euc_jp")}
    best = max(scores, key=lambda encoding: scores[encoding])
    is_certain = sum(score == scores[best] for score in scores.values()) == 1
    return best if is_certain else UTF_8


def _num_common(lines: list[bytes], encoding: str) -> int:
    """How many common characters of Japanese the lines have; 0 where they aren't Japanese."""
    decoded = list(_strictly(lines, encoding))
    if len(decoded) * 10 < len(lines) * 9:
        return 0
    telling = _TELLING.findall("".join(decoded))
    num_kana = sum(map(bool, map(_KANA.match, telling)))
    num_common = sum(character in _common_characters() for character in telling)
    is_japanese = num_kana * 10 >= len(telling) and num_common * 10 >= len(telling) * 9
    return num_common if is_japanese else 0


def _strictly(lines: list[bytes], encoding: str) -> Iterator[str]:
    for line in lines:
        text, is_damaged = decode_line(line, encoding)
        if not is_damaged:
            yield text


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 or UTF-32 by its zero bytes: decoded rightly none is left, and it is text."""
    if b"\0" not in head:
        return None
    for encoding in WIDE:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        num_common = sum(one.isascii() or one in _common_characters() for one in text)
        if text and "\0" not in text and num_common * 10 >= len(text) * 9:
            return encoding
    return None


@lru_cache(maxsize=1)
def _common_characters() -> frozenset[str]:
    """Signs, kana, full-width forms and the kanji of the first level of JIS X 0208."""
    leads = (*range(0xA1, 0xA9), *range(0xB0, 0xD0))
    pairs = bytes(byte for lead in leads for trail in range(0xA1, 0xFF) for byte in (lead, trail))
    return frozenset(pairs.decode("euc_jp", "ignore"))
