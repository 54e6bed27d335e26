"""Campaigns at length: races, bursts, reclaims, runs; each has planted faults to catch."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import campaign_row, keep_rows
from tests.campaigns import runs, triggers
from tests.campaigns.approvals import PLANTED, Races, empty_archive, with_quick_server
from tests.campaigns.reclaims import Reclaims
from tests.e2e.loop_cloud import loop_cloud, synthesize_trial

NUM_RACES, NUM_BURSTS, NUM_RECLAIMS, NUM_RUNS = 20, 8, 12, 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        assembly = synthesize_trial(Path(folder))
        campaigns = (races, bursts, reclaims, training_runs)
        rows = [campaign(assembly, Path(folder)) for campaign in campaigns]
    keep_rows("campaigns", rows)


def races(assembly: Path, folder: Path) -> dict[str, Any]:
    """People and events race for the endpoint; every trial in one environment."""
    quick = with_quick_server(assembly, folder / "quick")
    with loop_cloud(quick, folder / "races.log") as cloud:
        trials = Races(cloud, cloud.put_model(empty_archive()), seed=1)
        failures = count_failures(trials.trial, NUM_RACES)
        caught = []
        for plants, trial in PLANTED.values():
            with trials.planted(*plants):
                caught.append(bool(trial(trials)))
    return campaign_row(
        "approvals, rejections and repeated events race", NUM_RACES, failures, all(caught)
    )


def bursts(assembly: Path, folder: Path) -> dict[str, Any]:
    """Uploads, deletions, corrections, repeats and kills at once; all trials in one environment."""
    with triggers.bursts(assembly, folder / "bursts", seed=1) as trials:
        failures = count_failures(trials.trial, NUM_BURSTS)
    caught = []
    for fault, (plant, trial) in triggers.PLANTED.items():
        with triggers.bursts(assembly, folder / fault, plant) as trials:
            caught.append(bool(trial(trials)))
    name = "uploads, deletions, corrections, repeated events and kills at once"
    return campaign_row(name, NUM_BURSTS, failures, all(caught))


def reclaims(assembly: Path, folder: Path) -> dict[str, Any]:
    """Spot capacity is taken away at random moments; the weights are those of a whole run."""
    with loop_cloud(assembly, folder / "reclaims.log") as cloud:
        trials = Reclaims(cloud, seed=1)
        failures = count_failures(trials.trial, NUM_RECLAIMS)
        is_caught = bool(trials.trial_with_fault())
    return campaign_row("jobs of two hosts reclaimed at random", NUM_RECLAIMS, failures, is_caught)


def training_runs(assembly: Path, folder: Path) -> dict[str, Any]:
    """Faults at every step of the workflow that trains; the services are stand-ins."""
    # Each bad end is a warning.
    logging.getLogger("localcloud").setLevel(logging.ERROR)
    trials = runs.runs(assembly, seed=1)
    failures = count_failures(trials.trial, NUM_RUNS)
    are_caught = all(runs.is_caught(assembly, fault) for fault in runs.PLANTED)
    return campaign_row(
        "training workflow with faults at every step",
        NUM_RUNS,
        failures,
        are_caught,
        ends=trials.ends.total(),
        kinds_of_fault=len(trials.kinds),
    )


def count_failures(trial: Callable[[int], list[str]], num_trials: int) -> int:
    failures = 0
    for number in range(num_trials):
        faults = trial(number)
        print(f"trial {number}: {'; '.join(faults) or 'held'}", flush=True)
        failures += bool(faults)
    return failures


if __name__ == "__main__":
    main()
