"""Campaign at length: runs that are killed, stopped and resumed by others; damaged checkpoints."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import campaign_row, keep_rows
from tests.campaigns.damages import Damages
from tests.campaigns.faults import (
    forget_optimizer,
    forget_position,
    order_by_world,
    save_seldom,
    skip_the_last_save,
    trust_every_file,
)
from tests.campaigns.kills import INTERVAL, Kills

# Each run is killed or stopped so often; so many kills, stops, folders and cuts in all.
PER_RUN, NUM_SIGKILLS, NUM_SIGTERMS, NUM_FOLDERS, NUM_CUTS = 6, 300, 100, 500, 20
# So many steps that a run isn't over before its kills are.
NUM_STEPS = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the full numbers")
    share = parser.parse_args().share
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        campaigns: tuple[Callable[[], dict[str, Any]], ...] = (
            lambda: sigkills(root / "copies", round(NUM_SIGKILLS / 2 * share), "none"),
            lambda: sigkills(root / "shards", round(NUM_SIGKILLS / 2 * share), "fsdp"),
            lambda: damages(root / "damages", round(NUM_FOLDERS * share)),
            lambda: worlds(root / "worlds", max(1, round(NUM_CUTS * share))),
            lambda: sigterms(root / "sigterms", round(NUM_SIGTERMS * share)),
        )
        rows = []
        for campaign in campaigns:
            rows.append(campaign())
            keep_rows("kills", rows)  # what is done is kept, should the rest be cut off


def sigkills(root: Path, num_kills: int, sharding: str) -> dict[str, Any]:
    trials, failures, number = Kills(root, 1, sharding, num_steps=NUM_STEPS), 0, 0
    while trials.num_kills < num_kills:
        failures += said(trials.sigkills(number, PER_RUN))
        number += 1
    caught = [
        bool(Kills(root / fault.__name__, 1, sharding, fault, NUM_STEPS).sigkills(0, 4))
        for fault in (forget_optimizer, forget_position, save_seldom)
    ]
    name = (
        f"SIGKILL of a 2-process run (sharding {sharding}), end bit-identical, <= 1 interval lost"
    )
    return campaign_row(
        name,
        trials.num_kills,
        failures,
        all(caught),
        runs=number,
        inside_a_save=trials.num_inside_saves,
        most_steps_lost=trials.most_lost,
        most_steps_lost_outside_saves=trials.most_at_risk,
        interval_steps=INTERVAL,
    )


def sigterms(root: Path, num_stops: int) -> dict[str, Any]:
    trials, failures, number = Kills(root, 1, num_steps=NUM_STEPS), 0, 0
    while trials.num_stops < num_stops:
        failures += said(trials.sigterms(number, PER_RUN))
        number += 1
    faulty = Kills(root / "planted", 1, plant=skip_the_last_save)
    name = "SIGTERM of a 2-process run, no step lost"
    is_caught = bool(faulty.sigterms(0, 2))
    return campaign_row(name, trials.num_stops, failures, is_caught, runs=number)


def worlds(root: Path, num_cuts: int) -> dict[str, Any]:
    failures = int(said(Kills(root, 1).worlds(0, num_cuts)))
    faults = Kills(root / "planted", 1, plant=order_by_world).worlds(0, 3)
    name = "cuts between 1, 2 and 4 processes, same samples in order"
    return campaign_row(name, num_cuts, failures, bool(faults))


def damages(root: Path, num_folders: int) -> dict[str, Any]:
    trial: Callable[[int], list[str]] = Damages(root, 1).trial
    failures = sum(said(trial(number)) for number in range(num_folders))
    with trust_every_file():
        caught = [
            fault for number in range(20) for fault in Damages(root / "planted").trial(number)
        ]
    name = "partial or damaged checkpoint folders, none wrong loaded"
    return campaign_row(name, num_folders, failures, bool(caught))


def said(faults: list[str]) -> int:
    print("; ".join(faults) or "held", flush=True)
    return bool(faults)


if __name__ == "__main__":
    main()
