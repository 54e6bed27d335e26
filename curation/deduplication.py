"""Finds records that say the same: exactly, nearly, or against each other."""

from __future__ import annotations

import re

from rensa import RMinHash, RMinHashLSH

from curation.normalisation import comparison_key
from curation.records import Record, SetAside

SIMILARITY = 0.8
SHINGLE_CHARACTERS = 2
NUM_PERMUTATIONS = 128
NUM_BANDS = 32
_DIGITS = re.compile(r"\d+")


def deduplicate(records: list[Record]) -> tuple[list[Record], list[SetAside]]:
    """Keep the first record of each meaning, in order; set the others aside.

    Exact duplicates ask a question that is already there and answer it the same. The same question
    with another answer is a conflict: a person has to say which is right. Near duplicates are found
    by MinHash over character pairs of question and answer and verified by their Jaccard similarity;
    records whose numbers differ are never taken for one another.
    """
    seen: dict[str, Record] = {}
    near = NearDuplicates()
    kept: list[Record] = []
    set_aside: list[SetAside] = []
    for record in records:
        known = seen.get(comparison_key(record.questions[0]))
        if known is not None:
            set_aside.append(_duplicate_or_conflict(record, known))
        elif (similar := near.find(record)) is not None:
            set_aside.append(_set_aside("near_duplicate", record, similar))
        else:
            kept.append(record)
            near.add(record)
            for question in record.questions:
                seen.setdefault(comparison_key(question), record)
    return kept, set_aside


def _duplicate_or_conflict(record: Record, known: Record) -> SetAside:
    same = comparison_key(record.answer) == comparison_key(known.answer)
    return _set_aside("exact_duplicate" if same else "conflicting_answer", record, known)


def _set_aside(reason: str, record: Record, kept: Record) -> SetAside:
    detail = f"kept is '{kept.questions[0]}' of {kept.source.uri}"
    content = {
        "question": record.questions[0],
        "answer": record.answer,
        "phrasings": list(record.questions[1:]),
    }
    return SetAside(reason, detail, record.source, content)


class NearDuplicates:
    """The records kept so far, for finding one that says nearly the same."""

    def __init__(self) -> None:
        self._index = RMinHashLSH(SIMILARITY, NUM_PERMUTATIONS, NUM_BANDS)
        self._records: list[Record] = []
        self._shingles: list[set[str]] = []

    def add(self, record: Record) -> None:
        shingles = shingles_of(record)
        self._index.insert(len(self._records), _min_hash(shingles))
        self._records.append(record)
        self._shingles.append(shingles)

    def find(self, record: Record) -> Record | None:
        """The earliest kept record that is nearly the same."""
        shingles = shingles_of(record)
        for key in sorted(self._index.query(_min_hash(shingles))):
            known: Record = self._records[key]
            if jaccard(shingles, self._shingles[key]) >= SIMILARITY and _numbers(
                record
            ) == _numbers(known):
                return known
        return None


def shingles_of(record: Record) -> set[str]:
    text = comparison_key(record.questions[0]) + "\n" + comparison_key(record.answer)
    count = max(len(text) - SHINGLE_CHARACTERS + 1, 1)
    return {text[start : start + SHINGLE_CHARACTERS] for start in range(count)}


def jaccard(left: set[str], right: set[str]) -> float:
    return len(left & right) / len(left | right)


def _min_hash(shingles: set[str]) -> RMinHash:
    min_hash = RMinHash(num_perm=NUM_PERMUTATIONS, seed=42)
    min_hash.update(sorted(shingles))
    return min_hash


def _numbers(record: Record) -> list[str]:
    return _DIGITS.findall(comparison_key(record.questions[0] + "\n" + record.answer))
