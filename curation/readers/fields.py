"""The names of a record's fields as people write them: headers of tables, keys of objects."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from meguru.unicode_forms import normalized

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
    folded = normalized("NFKC", name).casefold()
    visible = "".join(one for one in folded if unicodedata.category(one) != "Cf")
    return _FIELDS.get(_NOT_OF_A_NAME.sub("", visible))


def repeated_field(names: Sequence[str]) -> str | None:
    """For a person: the names that stand for one field; None where each has its own."""
    fields = [field_of(name) for name in names]
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


def is_known_key(name: str) -> bool:
    """Whether an object of a record, or of another form of training data, has such a key."""
    return field_of(name) is not None or any(name in keys for keys in _OTHER_FORMS)


# Objects of one file have mostly the same keys.
@lru_cache(maxsize=64)
def named_by_field(names: tuple[str, ...]) -> tuple[str, ...]:
    """An object's keys with `question`, `answer` and `phrasings` for what stands for them."""
    return tuple(field_of(name) or name for name in names)


@lru_cache(maxsize=64)
def complaint_of_keys(names: tuple[str, ...]) -> tuple[str, str] | None:
    """Reason and detail where an object with these keys is no record.

    An object that has nothing is one that misses its question.
    """
    if names and not names_a_record(names):
        forms = (form for keys, form in _OTHER_FORMS.items() if set(keys) <= set(names))
        form = next((f"{form} is not read yet; " for form in forms), "")
        return "unknown_keys", f"{form}the object has {listed(names)}; known are {KNOWN}"
    repeated = repeated_field(names)
    return ("repeated_key", repeated) if repeated else None
