"""How measurements are taken and kept: rows in `benchmarks/results/NAME.json`."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"
GIB = 2**30


@dataclass(frozen=True)
class Row:
    """One figure. `what` names its unit; `goal` (`<= 300`) is for the ratio where there is a peer.

    The ratio is ours / peer.
    """

    what: str
    ours: float
    peer: float | None = None
    peer_name: str | None = None
    goal: str | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.peer is None else self.ours / self.peer

    @property
    def is_met(self) -> bool | None:
        if self.goal is None:
            return None
        relation, _, limit = self.goal.partition(" ")
        value = self.ours if self.ratio is None else self.ratio
        return {"<=": value <= float(limit), ">=": value >= float(limit)}[relation]

    def as_dict(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "ours": _rounded(self.ours),
            "peer": _rounded(self.peer),
            "peer_name": self.peer_name,
            "ratio": _rounded(self.ratio),
            "goal": self.goal,
            "met": self.is_met,
        }


def keep(name: str, rows: Sequence[Row]) -> None:
    """Write a benchmark's rows with date, hardware and command, and print them."""
    keep_rows(name, [row.as_dict() for row in rows])


def keep_rows(name: str, rows: Sequence[dict[str, Any]]) -> None:
    result = {
        "benchmark": name,
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": hardware(),
        "command": f"python -m benchmarks.{name}",
        "rows": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))


def campaign_row(
    campaign: str, trials: int, failures: int, is_caught: bool, **more: int
) -> dict[str, Any]:
    """What a campaign came to. Without a failure, one trial in `trials` / 3 may still fail (95 %).

    `is_caught` says that the trials noticed the faults that were planted.
    """
    return {
        "campaign": campaign,
        "trials": trials,
        "failures": failures,
        "failure_rate_at_most": None if failures else round(3 / trials, 4),
        "planted_fault_caught": is_caught,
        **more,
    }


def hardware() -> str:
    """Processor, cores and memory."""
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    processor = found[1] if found else platform.machine()
    memory = round(psutil.virtual_memory().total / GIB)
    return f"{processor}, {len(os.sched_getaffinity(0))} cores, {memory} GiB"


def interleaved(subjects: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of each subject's figures, measured in turn so that all meet the same weather."""
    figures: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, measure in subjects.items():
            figures[name].append(measure())
    return {name: statistics.median(values) for name, values in figures.items()}


def rate(action: Callable[[], object], seconds: float) -> float:
    """How many times a second `action` is done."""
    count, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        action()
        count += 1
    return count / passed


@dataclass
class Memory:
    """The most that a process and all that it started held at once, in bytes (PSS)."""

    peak: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    def watch(self, pid: int) -> None:
        while not self._done.wait(0.5):
            self.peak = max(self.peak, _held(pid))


@contextmanager
def memory_of(pid: int) -> Iterator[Memory]:
    """Watch a process's memory, and its children's, while the context lasts."""
    memory = Memory()
    watching = threading.Thread(target=memory.watch, args=[pid], daemon=True)
    watching.start()
    try:
        yield memory
    finally:
        memory._done.set()
        watching.join()


def _held(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue  # it has ended
    return total


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
