"""A job reclaimed at random moments gives the very weights of one that was left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.reclaims import Reclaims
from tests.e2e.loop_cloud import loop_cloud


@pytest.fixture(scope="module")
def reclaims(trial_assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reclaims]:
    with loop_cloud(trial_assembly, tmp_path_factory.mktemp("reclaims") / "log") as cloud:
        yield Reclaims(cloud)


def test_reclaimed_at_random_moments(reclaims: Reclaims) -> None:
    assert reclaims.trial(0) == []


def test_a_planted_fault_is_caught(reclaims: Reclaims) -> None:
    assert reclaims.trial_with_fault() != []
