"""Which records are taken for the same, and how fast, beside plain MinHash: precision and recall.

The rules were tuned on one of the planted sets; the other was written when they were done.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from rensa import RMinHash, RMinHashLSH

from benchmarks.measuring import Row, interleaved, keep
from benchmarks.planted import SETS, Pair, read_pairs
from curation.deduplication import deduplicate
from curation.normalisation import comparison_key
from curation.records import Record, Source

PEER_NAME = "rensa 0.5.0 alone: MinHash of character pairs, similarity 0.8"
SIMILARITY, NUM_PERMUTATIONS, NUM_BANDS = 0.8, 128, 16
NUM_RECORDS, ROUNDS = 10_000, 3
DUPLICATES = ("exact_duplicate", "near_duplicate")
SOURCE = Source("document", "raw/a.jsonl")
PLACES = ("札幌", "仙台", "東京", "横浜", "名古屋", "大阪", "神戸", "広島", "福岡", "那覇")


def main() -> None:
    rows = [row for name in SETS for row in judged(name, read_pairs(name))]
    for what, records in {"of many themes": themes(), "of one template": template()}.items():
        ours, peer = partial(speed, num_ours, records), partial(speed, num_peers, records)
        measured = interleaved({"ours": ours, "peer": peer}, ROUNDS)
        label = f"{NUM_RECORDS:,} records {what}, records/s of processor time"
        rows.append(Row(label, measured["ours"], measured["peer"], PEER_NAME))
    kept = num_ours(template())
    rows.append(Row("records of one template that are kept", kept, goal=f">= {NUM_RECORDS}"))
    keep("deduplication", rows)


def judged(name: str, pairs: Sequence[Pair]) -> list[Row]:
    """How many of those taken for the same are, and how many of those that are the same are found.

    What is merged wrongly is lost to training; what is not found costs a row.
    """
    ours = figures(pairs, [num_ours(records_of(pair)) == 1 for pair in pairs])
    peer = figures(pairs, [num_peers(records_of(pair)) == 1 for pair in pairs])
    what = f"{len(pairs)} planted pairs ({name.replace('_', ' ')}), "
    return [
        Row(what + "precision", ours[0], peer[0], PEER_NAME, ">= 1.2"),
        Row(what + "recall", ours[1], peer[1], PEER_NAME),
    ]


def figures(pairs: Sequence[Pair], taken: Sequence[bool]) -> tuple[float, float]:
    """Precision and recall of those `taken` for the same."""
    right = sum(pair.is_same for pair, is_taken in zip(pairs, taken, strict=True) if is_taken)
    return right / sum(taken), right / sum(pair.is_same for pair in pairs)


def records_of(pair: Pair) -> list[Record]:
    return [Record((question,), answer, SOURCE) for question, answer in (pair.left, pair.right)]


def num_ours(records: Sequence[Record]) -> int:
    """How many are left: two answers to one question are listed, and not taken for the same."""
    _, set_aside = deduplicate(records)
    return len(records) - sum(item.reason in DUPLICATES for item in set_aside)


def num_peers(records: Iterable[Record]) -> int:
    index = RMinHashLSH(SIMILARITY, NUM_PERMUTATIONS, NUM_BANDS)
    kept: list[RMinHash] = []
    for record in records:
        text = "\n".join(map(comparison_key, (record.questions[0], record.answer)))
        min_hash = RMinHash(num_perm=NUM_PERMUTATIONS, seed=42)
        min_hash.update([text[at : at + 2] for at in range(max(len(text) - 1, 1))])
        near = index.query(min_hash)
        if not any(kept[one].jaccard(min_hash) >= SIMILARITY for one in near):
            index.insert(len(kept), min_hash)
            kept.append(min_hash)
    return len(kept)


def speed(count: Callable[[Sequence[Record]], int], records: Sequence[Record]) -> float:
    started = time.process_time()
    count(records)
    return len(records) / (time.process_time() - started)


def themes() -> list[Record]:
    """Records that have words in common and nothing else: clauses of the planted texts, mixed."""
    mixing = random.Random(1)
    texts = [text for name in SETS for pair in read_pairs(name) for text in pair.left]
    clauses = sorted({clause for text in texts for clause in text.split("、")})
    records = []
    for _ in range(NUM_RECORDS):
        question, answer = ("、".join(mixing.sample(clauses, num)) for num in (3, 4))
        records.append(Record((question,), answer, SOURCE))
    return records


def template() -> list[Record]:
    """Records that differ in a place and a number."""
    text = "では、気分が悪くなった人がいたら救護班に声をかけ、症状と場所を伝えてください。内線は"
    records = []
    for number in range(NUM_RECORDS):
        floor, place = divmod(number, len(PLACES))
        where = f"{PLACES[place]}支店{floor}階"
        records.append(Record((f"{where}の救護班は?",), f"{where}{text}{number}です。", SOURCE))
    return records


if __name__ == "__main__":
    main()
