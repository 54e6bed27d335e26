"""Workers that die at any moment; at length by `python -m benchmarks.ledger`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meguru.conditional_update import ConditionalUpdate
from tests.campaigns.killed_workers import KilledWorkers
from tests.campaigns.ledger_table import ledger_table, plant

NUM_WORKERS = 30


@pytest.fixture
def endpoint_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ledger_table(tmp_path_factory.mktemp("ledger")) as url:
        yield url


def test_ledger_comes_to_what_was_used(endpoint_url: str) -> None:
    workers = KilledWorkers(endpoint_url, "app")
    assert workers.run(NUM_WORKERS) == []
    # It would hold of workers that all end by themselves, or none.
    assert workers.ends["killed"] and workers.ends["settled by the log"]


def test_a_ledger_that_settles_twice_is_caught(
    endpoint_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConditionalUpdate, "if_in", ConditionalUpdate.if_in)
    plant("settles again")
    assert KilledWorkers(endpoint_url, "app").run(NUM_WORKERS)
