"""The inference log while what it is delivered by fails; at length: benchmarks.inference_log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.outages import OUTAGES, PLANTED, outages

SHORT = {"phase_seconds": 2, "patience_seconds": 5}


def test_every_record_arrives_and_no_answer_waits(trial_assembly: Path, tmp_path: Path) -> None:
    with outages(trial_assembly, tmp_path, phase_seconds=2) as trials:
        # Where both take a part only: what one refuses and what the other does are told apart.
        assert trials.trial(OUTAGES.index(("takes every second", "takes every second"))) == []
        assert trials.num_answers > 20


@pytest.mark.parametrize("fault", ["what is refused is forgotten"])
def test_a_planted_fault_is_caught(trial_assembly: Path, tmp_path: Path, fault: str) -> None:
    number, plant = PLANTED[fault]
    with outages(trial_assembly, tmp_path, plant, **SHORT) as trials:
        assert "have not arrived" in trials.trial(number)[0]
