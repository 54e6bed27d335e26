"""The whole demo, as `make demo` runs it: how long, where the time goes, how much memory."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import GIB, Row, keep, memory_of

ROUNDS = 3
LOCAL_CLOUD = "Bring up every resource in the local cloud"


def main() -> None:
    runs = [run_demo() for _ in range(ROUNDS)]
    total = statistics.median(report["seconds"] for report, _ in runs)
    memory = max(peak for _, peak in runs)
    rows = [
        Row("whole demo after set-up, s", total, goal="<= 90"),
        Row("most memory of all processes at once, GiB", memory / GIB, goal="<= 4"),
    ]
    for number, stage in enumerate(runs[0][0]["stages"]):
        seconds = statistics.median(report["stages"][number]["seconds"] for report, _ in runs)
        goal = "<= 5" if stage["name"] == LOCAL_CLOUD else None
        rows.append(Row(f"{number + 1}. {stage['name']}, s", seconds, goal=goal))
    keep("demo", rows)


def run_demo() -> tuple[dict[str, Any], int]:
    """One demo's report, and its peak memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cli.main", "demo", "--folder", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with memory_of(process.pid) as memory:
            status = process.wait()
        if status:
            raise SystemExit(f"the demo failed with status {status}")
        return json.loads((Path(folder) / "report.json").read_text("utf-8")), memory.peak


if __name__ == "__main__":
    main()
