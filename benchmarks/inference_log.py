"""Campaign at length: the inference log while what it is delivered by fails."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.campaigns import count_failures
from benchmarks.measuring import campaign_row, keep_rows
from tests.campaigns.outages import OUTAGES, PLANTED, outages
from tests.e2e.loop_cloud import synthesize_trial

NUM_TRIALS = 2 * len(OUTAGES)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assembly = synthesize_trial(folder)
        with outages(assembly, folder / "whole", seed=1) as trials:
            failures = count_failures(trials.trial, NUM_TRIALS)
        caught = 0
        for fault, (number, plant) in PLANTED.items():
            with outages(assembly, folder / fault, plant, patience_seconds=10) as planted:
                said = planted.trial(number)
            print(f"{fault}: {'; '.join(said) or 'NOT caught'}", flush=True)
            caught += bool(said)
    row = campaign_row(
        "delivery stream and queue down, slow or taking a part, functions killed: every record of "
        "an answer arrives, and no answer waits",
        NUM_TRIALS,
        failures,
        caught == len(PLANTED),
        **trials.figures(),
    )
    keep_rows("inference_log", [row])


if __name__ == "__main__":
    main()
