"""The words of a text, each with what it means for comparing: content, grammar, or an end."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sudachipy import Dictionary, SplitMode, Tokenizer

from curation.function_words import (
    ENGLISH,
    JAPANESE_KINDS,
    MEANINGFUL,
    MEANINGLESS,
    without_politeness,
)
from curation.normalisation import folded, language_of

# Sudachi takes 49,149 bytes at once.
_MAX_CHARACTERS = 8000
_ENGLISH = re.compile(r"\d+(?:[.:/,-]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|\n|[^\w\s]|_")
_ENDS = frozenset("。.!?\n")
_PAUSES = frozenset("、,;:")
_HARMLESS_MARKS = frozenset("「」『』()[]{}…・\"'“”‘’*—|~ \t")
# They say what the words before them are to the rest of the sentence.
_LINKS = frozenset("がをにへでとはて")
Role = Literal["content", "grammar", "link", "pause", "end"]


@dataclass(frozen=True)
class Word:
    """`form` is its dictionary form in one spelling, `surface` how it stands in the folded text.

    A Japanese word `is_verbal` if it is a verb or a noun that makes one with する.
    """

    form: str
    surface: str
    role: Role
    is_verbal: bool = False


def words_of(text: str) -> tuple[Word, ...]:
    """The words of `text`, without its polite phrases."""
    language = language_of(text)
    plain = without_politeness(folded(text), language)
    return tuple(_japanese(plain) if language == "ja" else _english(plain))


def _english(text: str) -> Iterator[Word]:
    surfaces = _ENGLISH.findall(text)
    for index, surface in enumerate(surfaces):
        if surface[0].isalpha():
            begins = index == 0 or surfaces[index - 1] in _ENDS
            yield _letters(surface, _has_no_meaning(surface, begins))
        elif surface == "-" and _is_hyphen(surfaces, index):
            continue
        elif (mark := _mark(surface)) is not None:
            yield mark


def _has_no_meaning(surface: str, begins: bool) -> bool:
    """Whether it is one of grammar's words, not a name that looks like one: IT, US, May, plan A."""
    is_small = surface.islower() or surface == "I" or (begins and surface.istitle())
    return is_small and surface.casefold() in ENGLISH


def _is_hyphen(surfaces: list[str], index: int) -> bool:
    """Whether the hyphen parts words (`ten-minute`); before a number it may be its sign."""
    return not surfaces[index + 1 : index + 2] or surfaces[index + 1][0].isalpha()


def _letters(surface: str, is_grammar: bool) -> Word:
    return Word(_stem(surface.casefold()), surface, "grammar" if is_grammar else "content")


def _stem(form: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if len(form) - len(ending) >= 4 and form.endswith(ending) and not form.endswith("ss"):
            form = form.removesuffix(ending)
            break
    return form.removesuffix("e") if len(form) > 4 else form


def _mark(surface: str) -> Word | None:
    if surface in _ENDS:
        return Word(surface, surface, "end")
    if surface in _PAUSES:
        return Word(surface, surface, "pause")
    return None if surface in _HARMLESS_MARKS else Word(surface, surface, "content")


def _japanese(text: str) -> Iterator[Word]:
    tokenizer = _dictionary()[1]
    for start in range(0, len(text), _MAX_CHARACTERS):
        for line in text[start : start + _MAX_CHARACTERS].splitlines(keepends=True):
            for morpheme in tokenizer.tokenize(line):
                yield from _word(
                    morpheme.surface(), morpheme.normalized_form(), morpheme.part_of_speech_id()
                )


@functools.lru_cache(maxsize=65_536)
def _word(surface: str, form: str, part_of_speech: int) -> tuple[Word, ...]:
    kind, subkind, use = _dictionary()[0].pos_of(part_of_speech)[:3]
    if surface == "-":
        return (Word(form, surface, "content"),)
    if surface.isascii():
        # In Japanese a word of letters is a name or a term, never grammar.
        words = _english(surface)
        return tuple(
            replace(word, role="content") if word.role == "grammar" else word for word in words
        )
    if kind in ("補助記号", "記号", "空白"):
        marks = [_mark(character) for character in surface if not character.isspace()]
        return tuple(mark for mark in marks if mark)
    is_verbal = "動詞" in kind or "サ変" in use
    return (Word(form, surface, _role(form, kind, subkind), is_verbal),)


def _role(form: str, kind: str, subkind: str) -> Role:
    if kind == "助詞" and form in _LINKS:
        return "link"
    if form in MEANINGLESS:
        return "grammar"
    # から gives a reason, or says where something begins.
    if kind in JAPANESE_KINDS and (
        form not in MEANINGFUL or (form, subkind) == ("から", "接続助詞")
    ):
        return "grammar"
    return "content"


@functools.cache
def _dictionary() -> tuple[Dictionary, Tokenizer]:
    dictionary = Dictionary(dict="small")
    return dictionary, dictionary.tokenizer(mode=SplitMode.A)
