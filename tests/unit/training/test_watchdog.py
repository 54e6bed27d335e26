"""The watchdog: a rank that hangs or a copy that stalls ends the process, with a reason."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.watchdog import UPLOADING, Watchdog, sync_stall

MakeJob = Callable[..., Any]


def watch(seconds: float, stall: Callable[[], str | None] = lambda: None) -> list[int]:
    """The statuses it ended with while this thread slept."""
    ended: list[int] = []
    with Watchdog(1, stall, step_seconds=0.1, end=ended.append) as watchdog:
        watchdog.beat(7)
        time.sleep(seconds)
    return ended


def test_a_hung_thread_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "error.json"))
    assert watch(0.5) == [1]
    said = capsys.readouterr().out
    assert "event=watchdog rank=1 step=7: rank 1 made no step for 0 s: it is at" in said
    assert "test_watchdog.py" in said and "in watch" in said
    assert "made no step" in json.loads((tmp_path / "error.json").read_text())["message"]["message"]


def test_one_that_gets_on_is_left_alone() -> None:
    ended: list[int] = []
    with Watchdog(0, lambda: None, step_seconds=0.2, end=ended.append) as watchdog:
        for step in range(12):
            time.sleep(0.05)
            watchdog.beat(step)
    assert ended == []


def test_a_stalled_copy_ends_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(0.08, lambda: "the copy stalled") == [1]
    assert "step=7: the copy stalled" in capsys.readouterr().out


def test_only_an_old_mark_is_a_stall(tmp_path: Path) -> None:
    folder = tmp_path / "step-00000005"
    folder.mkdir()
    assert sync_stall(tmp_path, 600, time.time()) is None
    mark = folder / f"rank-00000.safetensors{UPLOADING}"
    mark.touch()
    assert sync_stall(tmp_path, 600, time.time()) is None
    os.utime(mark, (time.time() - 700,) * 2)
    found = sync_stall(tmp_path, 600, time.time())
    assert found and found.startswith(
        "checkpoint file step-00000005/rank-00000.safetensors has been on its way to S3 for 70"
    )


def test_a_rank_that_hangs_ends_the_job(
    make_job: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    """The second of two ranks sleeps in a step; the first waits for it in an exchange."""
    job = make_job(max_steps="40")
    processes = job.fork(world_size=2, prepare=hang_at_step_twenty)
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [1, 1]
    assert "rank 1 made no step for" in capfd.readouterr().out
    assert job.train(world_size=2) == [0, 0]
    assert job.facts()["resumed_from_steps"]


def hang_at_step_twenty() -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr("training.watchdog.Watchdog.__init__.__defaults__", (2.0, os._exit))
    if os.environ["RANK"] == "1":
        patch.setattr("training.sampler.WeightedSampler.next_batch", _hang_at_step_twenty)


def _hang_at_step_twenty(self: Any, batch_size: int, rank: int, world_size: int) -> list[int]:
    if self.position >= 20 * batch_size:
        time.sleep(60)
    self.position += batch_size
    return [0] * (batch_size // world_size)
