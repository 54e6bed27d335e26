"""Finds records that say the same: exactly, nearly, or against each other."""

from __future__ import annotations

import re
from dataclasses import replace

from rensa import RMinHash, RMinHashLSH

from curation.normalisation import comparison_key
from curation.records import Record, SetAside

SIMILARITY = 0.8
SHINGLE_CHARACTERS = 2
NUM_PERMUTATIONS = 128
# Bands of 8 hashes: a pair at the threshold is found with 95 %, one at 0.5 is looked at with 6 %.
NUM_BANDS = 16
_NUMBERS = re.compile(r"-?\d+(?:[^\s\w]\d+)*|[〇零一二三四五六七八九十百千万億兆]+")


def deduplicate(records: list[Record]) -> tuple[list[Record], list[SetAside]]:
    """Keep the first record of each meaning, in order; set the others aside.

    Exact duplicates ask a question that is already there and answer it the same. The same question
    with another answer is a conflict: a person has to say which is right. Near duplicates are found
    by MinHash over character pairs of question and answer and verified by their Jaccard similarity;
    records whose numbers differ are never taken for one another. A further phrasing that another
    record has is left to that one, and set aside where the two answer it differently.
    """
    seen: dict[str, Record] = {}
    near = NearDuplicates()
    kept: list[Record] = []
    set_aside: list[SetAside] = []
    for record in records:
        known = seen.get(comparison_key(record.questions[0]))
        if known is not None:
            set_aside.append(_duplicate_or_conflict(record, known))
            continue
        candidate = Candidate(record)
        if (similar := near.find(candidate)) is not None:
            set_aside.append(_set_aside("near_duplicate", record, similar))
            continue
        near.add(candidate)
        own, conflicts = _own_phrasings(record, seen)
        kept.append(own)
        set_aside += conflicts
        seen |= {comparison_key(question): own for question in own.questions}
    return kept, set_aside


def _own_phrasings(record: Record, seen: dict[str, Record]) -> tuple[Record, list[SetAside]]:
    """The record without the phrasings of others, and those of them that are conflicts."""
    own, conflicts = [], []
    for question in record.questions:
        known = seen.get(comparison_key(question))
        if known is None:
            own.append(question)
        elif comparison_key(record.answer) != comparison_key(known.answer):
            conflicts.append(
                _set_aside("conflicting_answer", replace(record, questions=(question,)), known)
            )
    return replace(record, questions=tuple(own)), conflicts


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


class Candidate:
    """A record with what it is compared by: character pairs, and the numbers in it."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.shingles, self.numbers = shingles_of(record), numbers_of(record)
        self.min_hash = RMinHash(num_perm=NUM_PERMUTATIONS, seed=42)
        # The numbers go into each hash: where they differ, two records have none in common.
        prefix = " ".join(self.numbers)
        self.min_hash.update([f"{prefix}\n{shingle}" for shingle in self.shingles])

    def is_like(self, other: Candidate) -> bool:
        return (
            self.numbers == other.numbers and jaccard(self.shingles, other.shingles) >= SIMILARITY
        )


class NearDuplicates:
    """The records kept so far, for finding one that says nearly the same."""

    def __init__(self) -> None:
        self._index = RMinHashLSH(SIMILARITY, NUM_PERMUTATIONS, NUM_BANDS)
        self._kept: list[Candidate] = []

    def add(self, candidate: Candidate) -> None:
        self._index.insert(len(self._kept), candidate.min_hash)
        self._kept.append(candidate)

    def find(self, candidate: Candidate) -> Record | None:
        """The earliest kept record that is nearly the same."""
        for index in sorted(self._index.query(candidate.min_hash)):
            if candidate.is_like(self._kept[index]):
                known: Candidate = self._kept[index]
                return known.record
        return None


def shingles_of(record: Record) -> set[str]:
    text = comparison_key(record.questions[0]) + "\n" + comparison_key(record.answer)
    count = max(len(text) - SHINGLE_CHARACTERS + 1, 1)
    return {text[start : start + SHINGLE_CHARACTERS] for start in range(count)}


def numbers_of(record: Record) -> list[str]:
    return _NUMBERS.findall(
        comparison_key(record.questions[0]) + "\n" + comparison_key(record.answer)
    )


def jaccard(left: set[str], right: set[str]) -> float:
    num_common = len(left & right)
    return num_common / (len(left) + len(right) - num_common)
