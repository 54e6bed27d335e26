"""Whoever asks for whatever: a consumer's own, and nothing of another's."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.isolation import PLANTED, isolation

# Of the campaign at length (`python -m benchmarks.campaigns`), as much as says that it works.
NUM_TRIALS = 150
FAULT = "one idempotency key for all"


def test_nobody_sees_another_s(trial_assembly: Path, tmp_path: Path) -> None:
    with isolation(trial_assembly, tmp_path) as trials:
        assert trials.run(NUM_TRIALS) == []


def test_a_planted_fault_is_caught(trial_assembly: Path, tmp_path: Path) -> None:
    with isolation(trial_assembly, tmp_path, PLANTED[FAULT]) as trials:
        assert trials.is_caught()
