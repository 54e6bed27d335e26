"""Calls at once against a budget; at length by `python -m benchmarks.ledger`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campaigns.budget_races import BudgetRaces
from tests.campaigns.ledger_table import ledger_table

# One of each kind: the account's budget, the consumer's, and two months at once.
NUM_TRIALS = 3


@pytest.fixture(scope="module")
def endpoint_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ledger_table(tmp_path_factory.mktemp("ledger")) as url:
        yield url


def test_exactly_as_many_are_admitted_as_fit(endpoint_url: str) -> None:
    with BudgetRaces(endpoint_url, num_processes=2, num_threads=120) as races:
        assert [races.trial(number) for number in range(NUM_TRIALS)] == [[]] * NUM_TRIALS


def test_a_ledger_without_conditions_is_caught(endpoint_url: str) -> None:
    with BudgetRaces(endpoint_url, num_processes=2, num_threads=60, fault="overspends") as races:
        assert "not 50" in races.trial(30)[0]
