"""A text as rules read it, whatever its width, dashes and invisible characters; spans lead back."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from meguru.unicode_forms import normalized

# What stays as it is: ASCII, and Japanese as most of it is written.
_PLAIN = "\t\n -~、-』ぁ-ゖァ-ー一-龥"
# The marks that follow a character belong to it.
_CHANGING = re.compile(f"[^{_PLAIN}][\u0300-\u036f\u3099\u309a\uff9e\uff9f]*")
# Soft hyphens, zero-width signs, and the frame of an emoji's key: nobody sees them in a number.
_UNSEEN = ("Cf", "Me")
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_MINUS = "\u2212"


class FoldedText:
    """`folded` is NFKC, with `-` for dashes, ASCII digits and spaces, and nothing unseen."""

    def __init__(self, text: str) -> None:
        self._text = text
        parts: list[str] = []
        # For each character of `folded`, where what it was made of begins and ends.
        self._starts: list[int] = []
        self._ends: list[int] = []
        end = 0
        for match in _CHANGING.finditer(text):
            self._keep(parts, end, match.start())
            end = match.end()
            folded = _folded(match[0])
            parts.append(folded)
            self._starts += [match.start()] * len(folded)
            self._ends += [end] * len(folded)
        self._keep(parts, end, len(text))
        self.folded = "".join(parts)

    def _keep(self, parts: list[str], start: int, end: int) -> None:
        parts.append(self._text[start:end])
        self._starts += range(start, end)
        self._ends += range(start + 1, end + 1)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text that was given a part of `folded` stands; the part is not empty."""
        return self._starts[start], self._ends[end - 1]


@lru_cache(maxsize=4096)
def _folded(characters: str) -> str:
    return "".join(map(_uniform, normalized("NFKC", characters)))


def _uniform(character: str) -> str:
    category = unicodedata.category(character)
    if category in _UNSEEN or ord(character) in _VARIATION_SELECTORS:
        return ""
    if category == "Pd" or character == _MINUS:
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return " " if category == "Zs" else character
