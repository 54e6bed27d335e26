"""Whatever comes at once, twice or late: one training of each model on the rows there are."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.triggers import PLANTED, bursts

# Of the campaign at length (`python -m benchmarks.campaigns`), as much as says that it works.
NUM_TRIALS = 1
FAULT = "give back unasked"


def test_bursts_end_well(trial_assembly: Path, tmp_path: Path) -> None:
    with bursts(trial_assembly, tmp_path) as trials:
        found = {number: faults for number in range(NUM_TRIALS) if (faults := trials.trial(number))}
        assert found == {}
        assert trials.change_during_curation() == []


def test_a_planted_fault_is_caught(trial_assembly: Path, tmp_path: Path) -> None:
    plant, trial = PLANTED[FAULT]
    with bursts(trial_assembly, tmp_path, plant) as trials:
        assert trial(trials)
