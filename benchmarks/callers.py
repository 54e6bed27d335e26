"""Campaigns on callers at length: they leave, they are too many, they come back all at once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import campaign_row, keep_rows
from tests.campaigns import disconnects, overload
from tests.campaigns.disconnects import disconnects as leaving
from tests.campaigns.overload import overloaded
from tests.e2e.loop_cloud import UNTRAINED, synthesize_trial

NUM_STREAMS, NUM_UNTIL_CAUGHT = 500, 30
PEAK_SECONDS, OVERLOAD_SECONDS = 20.0, 60.0
NUM_STORMS, OUTAGE_SECONDS = 3, 6.0


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assembly = synthesize_trial(folder, UNTRAINED)
        rows = [who_leave(assembly, folder), *who_are_too_many(assembly, folder)]
    keep_rows("callers", rows)


def who_leave(assembly: Path, folder: Path) -> dict[str, Any]:
    """Streams left at random chunks; what is charged is what was generated."""
    with leaving(assembly, folder / "leaving") as trials:
        faults = trials.run(NUM_STREAMS)
        left = trials.left
    print("; ".join(faults) or "held", flush=True)
    caught = []
    for number, plant in enumerate(disconnects.PLANTED.values()):
        with leaving(assembly, folder / f"charged-{number}", plant) as trials:
            caught.append(bool(trials.run(NUM_UNTIL_CAUGHT)))
    what = "streams that are left at random chunks: the charge is what was generated"
    return campaign_row(what, NUM_STREAMS, len(faults), all(caught), left_early=left)


def who_are_too_many(assembly: Path, folder: Path) -> list[dict[str, Any]]:
    """Three times the capacity for a minute; then outages, after which all ask at once."""
    with overloaded(assembly, folder / "overloaded") as load:
        peak = load.capacity(PEAK_SECONDS)
        share, faults = load.overload(peak, OVERLOAD_SECONDS)
        num_asked = len(load.asked)
        print(f"{share:.0%} of the peak: {'; '.join(faults) or 'held'}", flush=True)
        storms = [load.storm(peak, OUTAGE_SECONDS) for _ in range(NUM_STORMS)]
    for seconds, found in storms:
        print(f"recovered after {seconds} s: {'; '.join(found) or 'held'}", flush=True)
    caught = []
    for number, plant in enumerate(overload.PLANTED.values()):
        with overloaded(assembly, folder / f"planted-{number}", plant) as load:
            caught.append(bool(load.overload(peak, OVERLOAD_SECONDS)[1]))
    slowest = max(seconds for seconds, _ in storms)
    failures = sum(bool(found) for _, found in storms)
    return [
        campaign_row(
            "three times the capacity for 60 s: most of the peak is answered, the rest shed",
            num_asked,
            len(faults),
            all(caught),
            percent_of_peak=round(100 * share),
        ),
        campaign_row(
            "an outage of 6 s, after which all ask at once: the peak is back within 5 s",
            NUM_STORMS,
            failures,
            all(caught),
            slowest_milliseconds=round(1000 * min(slowest, 1e6)),
        ),
    ]


if __name__ == "__main__":
    main()
