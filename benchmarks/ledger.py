"""The ledger at length: calls at once against a budget, and workers killed at any moment."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.campaigns import count_failures
from benchmarks.measuring import campaign_row, keep_rows
from meguru.conditional_update import ConditionalUpdate
from tests.campaigns.budget_races import BudgetRaces
from tests.campaigns.killed_workers import KilledWorkers
from tests.campaigns.ledger_table import ledger_table, plant

NUM_ROUNDS, NUM_WORKERS = 50, 200


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        keep_rows("ledger", [races(Path(folder) / "races"), kills(Path(folder) / "kills")])


def races(folder: Path) -> dict[str, Any]:
    """Rounds of 1,000 calls of 0.10 from four processes against 5.00."""
    with ledger_table(folder) as url:
        with BudgetRaces(url) as trials:
            failures = count_failures(trials.trial, NUM_ROUNDS)
        with BudgetRaces(url, num_threads=50, fault="overspends") as trials:
            # The next rounds have months and consumers that nobody has had.
            caught = [bool(trials.trial(NUM_ROUNDS + number)) for number in range(3)]
    name = "1,000 calls of 0.10 at once against 5.00, in 4 processes"
    return campaign_row(name, NUM_ROUNDS, failures, all(caught))


def kills(folder: Path) -> dict[str, Any]:
    """Workers killed at any moment of a request, whose model server reports what it has used."""
    with ledger_table(folder) as url:
        workers = KilledWorkers(url, "app", seed=1)
        faults = workers.run(NUM_WORKERS)
        print("; ".join(faults) or "held", flush=True)
        with patch.object(ConditionalUpdate, "if_in", ConditionalUpdate.if_in):
            plant("settles again")
            is_caught = bool(KilledWorkers(url, "planted").run(30))
    ends = {end.replace(" ", "_"): number for end, number in workers.ends.items()}
    name = "workers killed at any moment"
    return campaign_row(name, NUM_WORKERS, len(faults), is_caught, **ends)


if __name__ == "__main__":
    main()
