"""The names of a record's fields as people write them: headers of tables, keys of objects."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from meguru.unicode_forms import normalized

_QUESTION = {
    "question": ("question", "q", "質問", "ご質問", "質問文", "質問内容", "問い", "問"),
    "answer": ("answer", "a", "回答", "ご回答", "回答文", "回答内容", "答え", "答"),
    "phrasings": ("phrasings", "言い換え", "言いかえ", "別の聞き方"),
}
# Training data in other shapes has English names alone.
_CONVERSATION = (
    *("messages", "conversations", "system", "tools", "functions", "history"),
    *("instruction", "input", "output", "prompt", "completion", "label", "chosen", "rejected"),
    *("preferred_output", "non_preferred_output"),
)
_FIELDS = {name: field for field, names in _QUESTION.items() for name in names} | {
    name: name for name in _CONVERSATION
}
KNOWN_NAMES = "; ".join(f"{field}: {', '.join(names)}" for field, names in _QUESTION.items())
_MAX_NAMES, _MAX_NAME_CHARACTERS = 12, 40
_NOT_OF_A_NAME = re.compile(r"[\s\"'“”*:.]+")


def field_of(name: str) -> str | None:
    """The field that a name stands for, whatever case, width and blanks it has."""
    return _field_of(name) if len(name) <= _MAX_NAME_CHARACTERS else None


@lru_cache(maxsize=4096)
def _field_of(name: str) -> str | None:
    folded = normalized("NFKC", name).casefold()
    visible = "".join(one for one in folded if unicodedata.category(one) != "Cf")
    return _FIELDS.get(_NOT_OF_A_NAME.sub("", visible))


def repeated_field(names: Sequence[str], own: Iterable[str]) -> str | None:
    """For a person: the names that stand for one of the `own` fields; None where each has one."""
    fields = [field_of(name) for name in names]
    for field in own:
        if fields.count(field) > 1:
            both = [name for name, its in zip(names, fields, strict=True) if its == field]
            return f"{listed(both)} are both the {field}: keep one"
    return None


def listed(names: Sequence[str]) -> str:
    """Names as a person can find them again, cut where there are many or long ones."""
    cut = [name.strip()[:_MAX_NAME_CHARACTERS] for name in names[:_MAX_NAMES]]
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(f"'{name}'" for name in cut) + more


# Objects of one file have mostly the same keys.
@lru_cache(maxsize=64)
def named_by_field(names: tuple[str, ...], fields: tuple[str, ...]) -> tuple[str, ...]:
    """An object's keys, with the name of one of the fields for what stands for it."""
    return tuple(field if (field := field_of(name)) in fields else name for name in names)
