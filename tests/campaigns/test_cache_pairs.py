"""No answer crosses between requests that differ; at length in benchmarks/cache_campaigns.py."""

from __future__ import annotations

import pytest

from tests.campaigns.cache_pairs import PLANTED, CachePairs
from tests.unit.lambdas.answer_request.memory_store import MemoryStore


def test_no_answer_crosses() -> None:
    pairs = CachePairs(MemoryStore(), seed=1)
    assert [said for number in range(500) for said in pairs.trial(number)] == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_key_that_lacks_something_is_caught(fault: str) -> None:
    pairs = CachePairs(MemoryStore(), seed=1, key=PLANTED[fault])
    assert any(pairs.trial(number) for number in range(500))
