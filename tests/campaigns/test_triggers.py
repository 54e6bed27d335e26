"""Whatever comes at once, twice or late: one training of each model on the rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.triggers import PLANTED, Bursts, Plant
from tests.e2e.loop_cloud import loop_cloud
from tests.e2e.quick_loop import QuickLoop, with_quick_jobs

NUM_TRIALS = 2


def running(assembly: Path, folder: Path, plant: Plant | None = None) -> Iterator[Bursts]:
    """A fresh environment with one document: a trial's fault must not be found again."""
    quick = with_quick_jobs(assembly, folder)
    if plant:
        plant(quick)
    with loop_cloud(quick, folder / "log") as cloud:
        loop = QuickLoop(cloud)
        loop.put("begin/first.jsonl")
        cloud.loop.dataset_version()
        loop.settle()
        yield Bursts(loop)


@pytest.fixture
def bursts(assembly: Path, tmp_path: Path) -> Iterator[Bursts]:
    yield from running(assembly, tmp_path)


def test_bursts_end_well(bursts: Bursts) -> None:
    found = {number: faults for number in range(NUM_TRIALS) if (faults := bursts.trial(number))}
    assert found == {}
    assert bursts.change_during_curation() == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_caught(assembly: Path, tmp_path: Path, fault: str) -> None:
    plant, trial = PLANTED[fault]
    for bursts in running(assembly, tmp_path, plant):
        assert trial(bursts)
