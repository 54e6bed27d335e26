"""No look-alike of the planted sets is merged, and most of what says the same is found."""

from __future__ import annotations

import pytest

from benchmarks.deduplication import figures, num_ours, records_of
from benchmarks.planted import SETS, read_pairs


@pytest.mark.parametrize("name", SETS)
def test_planted_pairs(name: str) -> None:
    pairs = read_pairs(name)
    taken = [num_ours(records_of(pair)) == 1 for pair in pairs]
    wrong = [pair for pair, is_taken in zip(pairs, taken, strict=True) if is_taken > pair.is_same]
    assert wrong == []
    precision, recall = figures(pairs, taken)
    assert (precision, recall > 0.85) == (1, True)
