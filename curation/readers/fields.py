"""The names of a record's fields as people write them: headers of tables, keys of objects."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

_NAMES = {
    "question": ("question", "q", "質問", "ご質問", "質問文", "質問内容", "問い", "問"),
    "answer": ("answer", "a", "回答", "ご回答", "回答文", "回答内容", "答え", "答"),
    "phrasings": ("phrasings", "言い換え", "言いかえ", "別の聞き方"),
}
_FIELDS = {name: field for field, names in _NAMES.items() for name in names}
KNOWN = "; ".join(f"{field}: {', '.join(names)}" for field, names in _NAMES.items())
# Forms of training data that have their own keys; the first that an object has names it.
_OTHER_FORMS = {
    ("messages",): "a chat in 'messages'",
    ("conversations",): "a chat in 'conversations' (ShareGPT)",
    ("instruction", "output"): "an instruction (Alpaca)",
    ("prompt", "chosen", "rejected"): "a preference",
    ("prompt", "completion"): "a prompt with its completion",
    ("paragraphs",): "a text with questions in 'paragraphs' (SQuAD)",
    ("text",): "a text without a question",
}
_MAX_NAMES, _MAX_NAME_CHARACTERS = 12, 40
_NOT_OF_A_NAME = re.compile(r"[\s\"'“”*:.]+")


def field_of(name: str) -> str | None:
    """`question`, `answer` or `phrasings`, whatever case, width and blanks the name has."""
    return _field_of(name) if len(name) <= _MAX_NAME_CHARACTERS else None


@lru_cache(maxsize=4096)
def _field_of(name: str) -> str | None:
    folded = unicodedata.normalize("NFKC", name).casefold()
    visible = "".join(one for one in folded if unicodedata.category(one) != "Cf")
    return _FIELDS.get(_NOT_OF_A_NAME.sub("", visible))


def fields_of(names: Sequence[str]) -> list[str | None]:
    return [field_of(name) for name in names]


def repeated_field(names: Sequence[str]) -> str | None:
    """For a person: the names that stand for one field; None where each has its own."""
    fields = fields_of(names)
    for field in _NAMES:
        if fields.count(field) > 1:
            both = [name for name, its in zip(names, fields, strict=True) if its == field]
            return f"{listed(both)} are both the {field}: keep one"
    return None


def listed(names: Sequence[str]) -> str:
    """Names as a person can find them again, cut where there are many or long ones."""
    cut = [name.strip()[:_MAX_NAME_CHARACTERS] for name in names[:_MAX_NAMES]]
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(f"'{name}'" for name in cut) + more


def names_a_record(names: Iterable[str]) -> bool:
    """Whether one of the names stands for a question or an answer."""
    return any(field_of(name) in ("question", "answer") for name in names)


def rename_keys(value: dict[str, Any]) -> dict[str, Any]:
    """An object with its fields under `question`, `answer` and `phrasings`."""
    return {field_of(name) or name: one for name, one in value.items()}


def unknown_keys(value: dict[str, Any]) -> str | None:
    """For a person: what an object without question and answer has instead; None where it has one.

    An object that has nothing is one that misses its question.
    """
    if not value or names_a_record(value):
        return None
    forms = (form for keys, form in _OTHER_FORMS.items() if all(key in value for key in keys))
    form = next((f"{form} is not read yet; " for form in forms), "")
    return f"{form}the object has {listed(list(value))}; known are {KNOWN}"
