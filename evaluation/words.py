"""The words of a text by its language: Japanese writes no spaces between them."""

from __future__ import annotations

import re
from functools import cache

from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sudachipy import Dictionary, SplitMode, Tokenizer

# Sudachi takes 49,149 bytes at once.
_MAX_CHARACTERS = 8000
_JAPANESE = re.compile("[\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uff66-\uff9f]")


def language_of(text: str) -> str:
    """`ja` where anything is written in kana or kanji, `en` elsewhere."""
    return "ja" if _JAPANESE.search(text) else "en"


def words(text: str, language: str) -> list[str]:
    """The words and marks of `text`: Japanese ones by Sudachi, others as BLEU does (13a)."""
    if language != "ja":
        tokens: str = _western()(text)
        return tokens.split()
    parts = [text[at : at + _MAX_CHARACTERS] for at in range(0, len(text), _MAX_CHARACTERS)]
    found = [word.surface() for part in parts for word in _sudachi().tokenize(part)]
    return [word for word in found if not word.isspace()]


@cache
def _western() -> Tokenizer13a:
    return Tokenizer13a()  # type: ignore[no-untyped-call]


@cache
def _sudachi() -> Tokenizer:
    return Dictionary(dict="small").tokenizer(mode=SplitMode.A)
