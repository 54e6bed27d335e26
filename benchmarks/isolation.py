"""Campaign at length: consumers who ask for what is theirs, another's and nobody's."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measuring import campaign_row, keep_rows
from tests.campaigns.isolation import PLANTED, isolation
from tests.e2e.loop_cloud import synthesize_trial

NUM_TRIALS = 5000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assembly = synthesize_trial(folder)
        with isolation(assembly, folder / "whole", seed=1) as trials:
            failures = trials.run(NUM_TRIALS)
        print("; ".join(failures[:20]) or "held", flush=True)
        caught = 0
        for fault, plant in PLANTED.items():
            with isolation(assembly, folder / fault, plant, seed=1) as trials:
                is_caught = trials.is_caught()
            print(f"{fault}: {'caught' if is_caught else 'NOT caught'}", flush=True)
            caught += is_caught
    row = campaign_row(
        "every path, by every kind of caller, for own, others' and absent ids: no foreign row",
        NUM_TRIALS,
        len(failures),
        caught == len(PLANTED),
        planted_faults=len(PLANTED),
    )
    keep_rows("isolation", [row])


if __name__ == "__main__":
    main()
