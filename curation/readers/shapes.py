"""The shapes that training data has, each known by its fields."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from curation.readers.fields import KNOWN_NAMES, field_of, listed, repeated_field


class Shape(NamedTuple):
    """What a person calls it, the fields it must have, and those it may have."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        return self.required + self.optional


QUESTION = Shape("a question with its answer", ("question", "answer"), ("phrasings",))
CHAT = Shape("a chat", ("messages",), ("system", "tools", "functions"))
SHAREGPT = Shape("a chat of ShareGPT", ("conversations",), ("system", "tools"))
ALPACA = Shape("an instruction (Alpaca)", ("instruction", "output"), ("input", "system", "history"))
COMPLETION = Shape("a prompt with its completion", ("prompt", "completion"), ("label", "system"))
PREFERENCE = Shape(
    "a preference", ("chosen", "rejected"), ("prompt", "question", *ALPACA.fields, *SHAREGPT.fields)
)
PREFERRED = Shape(
    "a preference of OpenAI", ("input", "preferred_output", "non_preferred_output"), ("system",)
)
# The first that an object has all fields of is its shape: a preference may hold its prompt as any
# of the others.
SHAPES = (PREFERENCE, PREFERRED, QUESTION, CHAT, SHAREGPT, ALPACA, COMPLETION)
KNOWN = f"{KNOWN_NAMES}; or, in English, " + "; ".join(
    f"{shape.name}: {', '.join(fields)}"
    for shape, fields in [
        (CHAT, CHAT.required),
        (SHAREGPT, SHAREGPT.required),
        (ALPACA, ("instruction", "input", "output")),
        (PREFERENCE, ("prompt", "chosen", "rejected")),
        (COMPLETION, ("prompt", "completion")),
    ]
)
# What else people bring; the first that an object has all keys of names it.
_OTHERS = {
    ("role", "content"): "one message: put all of a chat into the list 'messages' of one object",
    ("from", "value"): "one message: put all of a chat into the list 'conversations' of one object",
    ("paragraphs",): "a text with questions in 'paragraphs' (SQuAD) is not read yet",
    ("text",): "a text without a question is not read yet",
}


@lru_cache(maxsize=64)
def shape_of(names: tuple[str, ...]) -> Shape | None:
    """The shape of an object with these keys, or of a table with these columns."""
    fields = {field_of(name) for name in names}
    found = next((shape for shape in SHAPES if fields.issuperset(shape.required)), None)
    return found or (QUESTION if fields.intersection(QUESTION.required) else None)


def names_a_record(names: Iterable[str]) -> bool:
    """Whether an object with these keys is a record, or means to be one."""
    return shape_of(tuple(names)) is not None


def is_known_key(name: str) -> bool:
    """Whether an object of a record, or of another form of training data, has such a key."""
    return field_of(name) is not None or any(name in keys for keys in _OTHERS)


@lru_cache(maxsize=64)
def complaint_of_keys(names: tuple[str, ...]) -> tuple[str, str] | None:
    """Reason and detail where an object with these keys is no record.

    An object that has nothing is one that misses its question.
    """
    shape = shape_of(names) if names else QUESTION
    if shape is None:
        forms = (said for keys, said in _OTHERS.items() if set(keys) <= set(names))
        form = next((f"{said}; " for said in forms), "")
        return "unknown_keys", f"{form}the object has {listed(names)}; known are {KNOWN}"
    repeated = repeated_field(names, shape.fields)
    return ("repeated_key", repeated) if repeated else None
