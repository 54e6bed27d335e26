"""A host's workers: one that fails ends the others, and a stop reaches all of them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import training.workers
from training.workers import Workers


def waits(outcome: Path) -> None:
    time.sleep(60)


def fails(outcome: Path) -> None:
    if os.environ["RANK"] == "1":
        sys.exit(7)
    time.sleep(60)


def ends_well_when_stopped(outcome: Path) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    outcome.with_name(f"ready-{os.environ['RANK']}").touch()
    time.sleep(60)


def tells_its_place(outcome: Path) -> None:
    error_file = Path(os.environ["TORCHELASTIC_ERROR_FILE"])
    error_file.with_name("place").write_text(os.environ["RANK"])


@pytest.fixture(autouse=True)
def keep_own_signals() -> object:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def start(folder: Path, work: Callable[[Path], None]) -> Workers:
    workers = Workers(folder)
    workers.start(work, [{"RANK": "0"}, {"RANK": "1"}])
    return workers


def test_one_that_fails_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.workers, "GRACE_SECONDS", 0.1)
    started = time.monotonic()

    assert start(tmp_path, fails).wait() == 7

    assert time.monotonic() - started < 30


def test_each_has_its_own_environment(tmp_path: Path) -> None:
    assert start(tmp_path, tells_its_place).wait() == 0

    places = [(tmp_path / f"worker-{number}" / "place").read_text() for number in range(2)]
    assert places == ["0", "1"]
    assert "TORCHELASTIC_ERROR_FILE" not in os.environ


def test_a_stop_reaches_all(tmp_path: Path) -> None:
    workers = start(tmp_path, ends_well_when_stopped)

    def stop_when_ready() -> None:
        while len(list(tmp_path.glob("ready-*"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_ready).start()

    assert workers.wait() == 0
    assert workers.stop_requested


def test_a_worker_that_does_not_listen_yet_is_stopped_too(tmp_path: Path) -> None:
    workers = start(tmp_path, waits)
    os.kill(os.getpid(), signal.SIGTERM)
    assert workers.wait() == -signal.SIGTERM


def test_none_starts_after_a_stop(tmp_path: Path) -> None:
    workers = Workers(tmp_path)
    os.kill(os.getpid(), signal.SIGTERM)
    workers.start(tells_its_place, [{"RANK": "0"}])
    assert (workers.wait(), workers.stop_requested) == (0, True)
    assert not list(tmp_path.iterdir())
