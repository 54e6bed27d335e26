"""Unicode's normal forms in a time that grows with the text alone, whatever the text."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal

Form = Literal["NFC", "NFKC"]
# No text that means something has more marks on one letter (UAX #15, Stream-Safe Text Format).
MAX_MARKS = 30
# All marks of Unicode lie here, which a test holds against the Unicode of this Python.
_FIRST_MARK, _LAST_MARK = 0x300, 0x1FFFF


def normalized(form: Form, text: str) -> str:
    """`text` in NFC or NFKC, but for the order of marks where more than `MAX_MARKS` follow.

    Python sorts the marks that follow one letter in a time that grows with the square of their
    number, and lets no other thread run meanwhile. Such marks are each put in the form alone, and
    are not composed with their letter.
    """
    # Of what is in the form already one look is enough, and most text is.
    if text.isascii() or unicodedata.is_normalized(form, text):
        return text
    parts = _many_marks().split(text)
    parts[::2] = [unicodedata.normalize(form, part) for part in parts[::2]]
    parts[1::2] = [
        "".join(unicodedata.normalize(form, mark) for mark in marks) for marks in parts[1::2]
    ]
    return "".join(parts)


@cache
def _many_marks() -> re.Pattern[str]:
    """Marks that follow one letter and are too many to be put in order."""
    marks = "".join(one for one in map(chr, range(_FIRST_MARK, _LAST_MARK + 1)) if _is_mark(one))
    return re.compile(f"([{marks}]{{{MAX_MARKS + 1},}})")


def _is_mark(character: str) -> bool:
    """Whether it may change places with the marks beside it: U+FF9E may as U+3099, its NFKC."""
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0
