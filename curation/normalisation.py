"""Text made uniform before tokenisation; the original is kept beside it."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"[^\S\n]+")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
# Marks that say how something is asked, not what.
_NOT_MEANING = re.compile(r"[\s?!？！。、．，.,…~〜'\"「」『』()（）・]+")


def normalise(text: str) -> str:
    """Unicode NFKC, without control characters, with single spaces and no space at line ends.

    NFKC makes widths uniform: full-width letters and digits become ASCII, half-width katakana
    full-width.
    """
    composed = unicodedata.normalize("NFKC", text.replace("\r\n", "\n"))
    printable = "".join(
        character
        for character in composed
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf")
    )
    lines = (_SPACES.sub(" ", line).strip() for line in printable.split("\n"))
    return "\n".join(lines).strip()


def comparison_key(text: str) -> str:
    """What stays the same when only case, spaces and punctuation differ."""
    normalised = normalise(text).casefold()
    return _NOT_MEANING.sub("", normalised) or normalised


def language_of(text: str) -> str:
    """`ja` where there is kana or kanji, `en` otherwise."""
    return "ja" if _JAPANESE.search(text) else "en"
