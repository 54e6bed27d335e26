"""Campaign at length: versions with faults, released under load; none may reach full traffic."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import campaign_row, keep_rows
from tests.campaigns.bad_versions import FAULTS, PLANTED, bad_versions

NUM_VERSIONS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=NUM_VERSIONS, help="how many are released")
    num_versions, began, failures = parser.parse_args().versions, time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder, bad_versions(Path(folder), seed=1) as trials:
        for number in range(num_versions):
            faults = trials.trial(number)
            seconds = time.monotonic() - began
            print(f"{seconds:.0f} s, {number}: {'; '.join(faults) or 'held'}", flush=True)
            failures += bool(faults)
        num_answered, num_lost = trials.load.given.total(), len(trials.load.lost)
        num_caught = 0
        for name, (plant, fault) in PLANTED.items():
            with trials.planted(plant):
                is_caught = bool(trials.release(fault))
            print(f"{name}: {'caught' if is_caught else 'NOT caught'}", flush=True)
            num_caught += is_caught
    row = campaign_row(
        "versions with faults, released under load: none reaches full traffic, no request is lost",
        num_versions,
        failures,
        num_caught == len(PLANTED),
        kinds_of_fault=len(FAULTS),
        requests_answered=num_answered,
        requests_lost=num_lost,
        planted_faults=len(PLANTED),
    )
    keep_rows("bad_versions", [row])


if __name__ == "__main__":
    main()
