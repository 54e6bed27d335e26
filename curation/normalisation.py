"""What stays the same when only the dress of a text differs: for comparing, never for training."""

from __future__ import annotations

import re
import unicodedata

from meguru.normalisation import normalise
from meguru.unicode_forms import normalized

__all__ = ["comparison_key", "folded", "language_of", "normalise"]

_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
# Characters that stand for numbers, letters or words: folding may not run them into a number.
_SYMBOLS = re.compile(
    "[\xb2\xb3\xb9\xbc-\xbe\u2070-\u209c\u2150-\u2182\u2189\u2460-\u24ff\u2776-\u2793"
    "\u3200-\u33ff\U0001f100-\U0001f16c]+"
)
# What is seen only in how the character before it is drawn; joiners within words.
_UNSEEN = re.compile(r"[\u200c\u200e\u200f\u202a-\u202e\u2061-\u206f\ufe00-\ufe0f]|\u200d(?=\w)")
_RAISED = {"<super>": "^", "<sub>": "_"}
_OTHER_DIGITS = re.compile(r"[^\D0-9]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# Square and cubic metres are written in three ways: m², ㎡, m2.
_AREAS = re.compile(r"(?<![A-Za-z])([kcdmμn]?m)\^([23])")
_MEGA = re.compile(r"(?<=\d)(\s*)M(?=(?:W|Wh|Hz|V|A|Pa|Ω|J|s)(?![A-Za-z]))")
# Marks that say how something is asked, not what.
_MARKS = r"[\s?!？！。、．，.,…~〜'’‘\"“”「」『』()（）・]+"
# Between digits they do mean something: 1.5 is not 15. Between words of letters they part them.
_NOT_MEANING = re.compile(
    rf"(?<=\d)({_MARKS})(?=\d)|(?<=[a-z])['’](?=[a-z])|(?<=[a-z])({_MARKS})(?=[a-z])|{_MARKS}"
)
# Brackets beside an operator group; elsewhere they are punctuation.
_GROUPING = re.compile(r"\(([^()]*)\)(?=\s*[-+*/×÷^])|(?<=[-+*/×÷^])\s*\(([^()]*)\)")
_DASHES = re.compile("[‐‑‒–−]")


def folded(text: str) -> str:
    """`text` in one width and notation, with its marks and its case.

    Unicode NFKC makes 106 of 10⁶ and 11⁄2 of 1½; here they are 10^6 and 1 1/2.
    """
    text = _SYMBOLS.sub(_spelt_out, normalise(text))
    text = normalized("NFKC", _UNSEEN.sub("", text))
    text = _OTHER_DIGITS.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    text = _AREAS.sub(r"\1\2", _THOUSANDS.sub("", text))
    text = _DASHES.sub("-", _MEGA.sub(r"\1mega", text)).replace("〜", "~")
    return _GROUPING.sub(r"⟨\1\2⟩", text.replace("!=", "≠"))


def _spelt_out(symbols: re.Match[str]) -> str:
    spelt, before = "", ""
    for symbol in symbols[0]:
        kind = unicodedata.decomposition(symbol).partition(" ")[0]
        value = normalized("NFKC", symbol).replace("\u2044", "/")
        if kind not in _RAISED:
            spelt += f" {value} "
        else:
            spelt += value if kind == before else _RAISED[kind] + value
        before = kind
    # H₂O is H2O, but 10₂ is not 102.
    before_it = symbols.string[max(symbols.start() - 1, 0) : symbols.start()]
    return spelt if before_it.isdigit() else spelt.removeprefix("_")


def comparison_key(text: str) -> str:
    """What stays the same when only case, spaces and punctuation differ."""
    key = folded(text).casefold()
    return _NOT_MEANING.sub(_separator, key) or key


def _separator(marks: re.Match[str]) -> str:
    if marks[1]:
        return "".join(marks[1].split()) or " "
    return " " if marks[2] else ""


def language_of(text: str) -> str:
    """`ja` where there is kana or kanji, `en` otherwise."""
    return "ja" if _JAPANESE.search(text) else "en"
