"""Text made uniform before tokenisation; the original is kept beside it."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"[^\S\n]+")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
# Marks that say how something is asked, not what.
_MARKS = r"[\s?!？！。、．，.,…~〜'\"「」『』()（）・]+"
# Between digits they do mean something: 1.5 is not 15.
_NOT_MEANING = re.compile(rf"(?<=\d)({_MARKS})(?=\d)|{_MARKS}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def normalise(text: str) -> str:
    """Unicode NFKC, without control characters, with single spaces and no space at line ends.

    NFKC makes widths uniform: full-width letters and digits become ASCII, half-width katakana
    full-width.
    """
    printable = "".join(
        character
        for character in text.replace("\r\n", "\n").replace("\r", "\n")
        # A form feed parts words as a space does.
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf")
    )
    # What was removed may have kept two characters from being composed, so composing comes last.
    composed = unicodedata.normalize("NFKC", printable)
    lines = (_SPACES.sub(" ", line).strip() for line in composed.split("\n"))
    return "\n".join(lines).strip()


def comparison_key(text: str) -> str:
    """What stays the same when only case, spaces and punctuation differ."""
    normalised = _THOUSANDS.sub("", normalise(text).casefold())
    return _NOT_MEANING.sub(_separator, normalised) or normalised


def _separator(marks: re.Match[str]) -> str:
    return "".join(marks[1].split()) or " " if marks[1] else ""


def language_of(text: str) -> str:
    """`ja` where there is kana or kanji, `en` otherwise."""
    return "ja" if _JAPANESE.search(text) else "en"
