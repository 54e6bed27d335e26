"""Whatever comes at once, twice or late: one training of each model on the rows there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.triggers import PLANTED, bursts

NUM_TRIALS = 2


def test_bursts_end_well(trial_assembly: Path, tmp_path: Path) -> None:
    with bursts(trial_assembly, tmp_path) as trials:
        found = {number: faults for number in range(NUM_TRIALS) if (faults := trials.trial(number))}
        assert found == {}
        assert trials.change_during_curation() == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_caught(trial_assembly: Path, tmp_path: Path, fault: str) -> None:
    plant, trial = PLANTED[fault]
    with bursts(trial_assembly, tmp_path, plant) as trials:
        assert trial(trials)
