"""A host's workers: one that fails ends the others, and a stop reaches all of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

import training.workers
from training.workers import Workers

WAITS = "import time; time.sleep(60)"
FAILS = "import sys; sys.exit(7)"
ENDS_WELL_WHEN_STOPPED = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
    "print('ready', file=open(sys.argv[-1] + '-ready', 'a')); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def keep_own_signals() -> object:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def start(folder: Path, monkeypatch: pytest.MonkeyPatch, *programs: str) -> Workers:
    """Workers that run these programs in place of a training, found by `python -m`."""
    package = folder / "training"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "worker.py").write_text("import os; exec(os.environ['PROGRAM'])")
    monkeypatch.chdir(folder)
    return Workers([{**os.environ, "PROGRAM": one} for one in programs], folder)


def test_one_that_fails_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.workers, "GRACE_SECONDS", 0.1)
    started = time.monotonic()

    assert start(tmp_path, monkeypatch, WAITS, FAILS).wait() == 7

    assert time.monotonic() - started < 30


def test_all_that_end_well_are_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(tmp_path, monkeypatch, "pass", "pass").wait() == 0


def test_a_stop_reaches_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = start(tmp_path, monkeypatch, ENDS_WELL_WHEN_STOPPED, ENDS_WELL_WHEN_STOPPED)

    def stop_when_ready() -> None:
        ready = tmp_path / "outcome-ready"
        while not ready.exists() or len(ready.read_text().splitlines()) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_ready).start()

    assert workers.wait() == 0
    assert workers.stop_requested
