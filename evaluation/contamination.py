"""Held-out questions that the training split gives away: memory proves nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evaluation.metrics import plain
from meguru.dataset_version import Row

Kind = Literal["exact", "normalised", "near"]
KINDS: tuple[Kind, ...] = ("exact", "normalised", "near")
# Of the pairs of characters that two questions have, the share they have in common.
NEAR = 0.9
# Of one answer that thousands of rows have, as many are compared.
MAX_COMPARED = 1000
MAX_LISTED = 100


@dataclass(frozen=True)
class Leak:
    """A row that is measured, and the row of the training split that gives it away."""

    row: Row
    known: Row
    kind: Kind

    def as_dict(self) -> dict[str, Any]:
        return {
            "record_id": self.row.record_id,
            "question": self.row.question,
            "kind": self.kind,
            "training_record_id": self.known.record_id,
            "training_question": self.known.question,
            "training_source": self.known.source_uri,
        }


def find_leaks(measured: Iterable[Row], training: Sequence[Row]) -> list[Leak]:
    """The measured rows that are in the training split: as written, in plain letters, or nearly.

    A question after other turns is another one than the same words alone. Nearly the same counts
    only with the same answer and the same digits: of two rooms or years either is to be known.
    """
    exact = _first_by(_written, training)
    normalised = _first_by(_plainly, training)
    near: defaultdict[str, list[Row]] = defaultdict(list)
    for row in training:
        near[plain(row.answer)].append(row)
    found = []
    for row in measured:
        if (known := exact.get(_written(row))) is not None:
            found.append(Leak(row, known, "exact"))
        elif (known := normalised.get(_plainly(row))) is not None:
            found.append(Leak(row, known, "normalised"))
        elif (known := _nearest(row, near[plain(row.answer)][:MAX_COMPARED])) is not None:
            found.append(Leak(row, known, "near"))
    return found


def describe_leaks(leaks: Sequence[Leak]) -> dict[str, Any]:
    """How many there are of each kind, and the first of them by name."""
    counts = Counter(leak.kind for leak in leaks)
    return {
        **{kind: counts[kind] for kind in KINDS},
        "found": [leak.as_dict() for leak in leaks[:MAX_LISTED]],
    }


def _first_by(key: Callable[[Row], Hashable], rows: Iterable[Row]) -> dict[Hashable, Row]:
    found: dict[Hashable, Row] = {}
    for row in rows:
        found.setdefault(key(row), row)
    return found


def _written(row: Row) -> tuple[str, ...]:
    return (*(turn["content"] for turn in row.context), row.question)


def _plainly(row: Row) -> tuple[str, ...]:
    # Of a question that is all marks nothing plain is left: it is like itself alone.
    turns = (plain(turn["content"]) for turn in row.context)
    return (*turns, plain(row.question) or row.question)


def _nearest(row: Row, rows: Sequence[Row]) -> Row | None:
    text = plain(row.question)
    pairs, context = _pairs(text), _plainly(row)[:-1]
    for other in rows:
        known = plain(other.question)
        if (
            abs(len(known) - len(text)) <= (1 - NEAR) * 2 * max(len(known), len(text))
            and _digits(known) == _digits(text)
            and _plainly(other)[:-1] == context
            and _common_share(pairs, _pairs(known)) >= NEAR
        ):
            return other
    return None


def _pairs(text: str) -> Counter[str]:
    return Counter(text[at : at + 2] for at in range(len(text) - 1))


def _common_share(first: Counter[str], second: Counter[str]) -> float:
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 0.0


def _digits(text: str) -> str:
    return "".join(one for one in text if one.isnumeric())
