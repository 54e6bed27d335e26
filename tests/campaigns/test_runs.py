"""Training runs with faults at every step; at length by `python -m benchmarks.campaigns`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.runs import PLANTED, is_caught, runs

NUM_TRIALS = 20


def test_every_run_has_one_end_and_no_wrong_model(trial_assembly: Path) -> None:
    trials = runs(trial_assembly)
    found = {number: faults for number in range(NUM_TRIALS) if (faults := trials.trial(number))}
    assert found == {}
    # It would hold of runs in which nothing goes wrong.
    assert {"SUCCEEDED", "FAILED", "ABORTED"} <= set(trials.ends)
    assert "job found again" in trials.kinds


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_caught(trial_assembly: Path, fault: str) -> None:
    assert is_caught(trial_assembly, fault)
