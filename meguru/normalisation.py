"""Text made uniform by named rules, none of which changes what it says or how it is laid out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from meguru.unicode_forms import normalized

ON, OFF = "on", "off"

# Unicode's mandatory line breaks (UAX #14).
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
# Soft hyphen, zero-width space, word joiner, byte order mark. U+200D and the variation selectors
# make one emoji of several and stay.
_INVISIBLE = re.compile("[\xad\u200b\u2060\ufeff]")
# Marks go along between letters or digits: １．５％, ｉｎｆｏ＠ｅｘａｍｐｌｅ．ｃｏｍ.
_FULL_WIDTH_WORDS = re.compile(
    "[＋－]?[０-９Ａ-Ｚａ-ｚ]+(?:[．，：／－＿＠＋＝＆][０-９Ａ-Ｚａ-ｚ]+)*％?"
)
_HALF_WIDTH_KATAKANA = re.compile("[｡-ﾟ]+")
# They print as the kanji do, and are what copying out of a PDF file often gives.
_RADICALS = re.compile("[\u2e9f\u2ef3\u2f00-\u2fd5]")
_SPACES = re.compile("(^[^\\S\n]+)|[\xa0\u2000-\u200a\u202f\u205f\u3000]", re.MULTILINE)
# Composing would take these for the common form of the kanji; in a name they are another one.
_KANJI_OF_NAMES = re.compile("([\uf900-\ufaff\U0002f800-\U0002fa1f]+)")
_FIRST_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
_NOTHING_SEEN = re.compile(
    "[\\s\xad\u115f\u1160\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff]*"
)


def _compatible(match: re.Match[str]) -> str:
    return normalized("NFKC", match[0])


def composed(text: str) -> str:
    """`text` in NFC, but for the kanji that NFC would take for the common form of them."""
    if unicodedata.is_normalized("NFC", text):
        return text
    parts = _KANJI_OF_NAMES.split(text)
    parts[::2] = [normalized("NFC", part) for part in parts[::2]]
    return "".join(parts)


def _without_margins(text: str) -> str:
    if _NOTHING_SEEN.fullmatch(text):
        return ""
    text = _FIRST_BLANK_LINES.sub("", text).rstrip()
    # The first of several lines keeps its indentation.
    return text if "\n" in text else text.strip()


# In the order they are applied: what is removed may have kept two characters from being composed.
_RULES: dict[str, Callable[[str], str]] = {
    "line_ends": lambda text: _LINE_ENDS.sub("\n", text),
    "control_characters": lambda text: _CONTROLS.sub("", text),
    "invisible_characters": lambda text: _INVISIBLE.sub("", text),
    "full_width_letters": lambda text: _FULL_WIDTH_WORDS.sub(_compatible, text),
    "half_width_katakana": lambda text: _HALF_WIDTH_KATAKANA.sub(_compatible, text),
    "radicals": lambda text: _RADICALS.sub(_compatible, text),
    "spaces": lambda text: _SPACES.sub(lambda match: match[1] or " ", text),
    "composition": composed,
    "margins": _without_margins,
}
RULES = tuple(_RULES)


def normalise(text: str, rules: Iterable[str] = RULES) -> str:
    """`text` with the rules applied that `rules` names; "" where nothing of it can be seen."""
    for name, apply in _RULES.items():
        if name in rules:
            text = apply(text)
    return text


def rules_that_change(text: str, rules: Iterable[str] = RULES) -> list[str]:
    """Those of `rules` that find something to change in `text`, in the order they are applied."""
    changing = []
    for name in [name for name in RULES if name in rules]:
        changed = _RULES[name](text)
        if changed != text:
            changing.append(name)
        text = changed
    return changing


def read_rules(setting: str) -> tuple[str, ...]:
    """The rules that a job's setting names: `on` for all, `off` for none, or some with commas.

    Raises ValueError for a name that is no rule's.
    """
    if setting in (ON, OFF):
        return RULES if setting == ON else ()
    names = [name.strip() for name in setting.split(",")]
    for name in names:
        if name not in RULES:
            raise ValueError(
                f"{ON}, {OFF}, or some of the rules {', '.join(RULES)}; {name!r} is none of them"
            )
    return tuple(name for name in RULES if name in names)
