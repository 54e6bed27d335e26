"""An environment whose releases take a second, for many of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.campaigns.approvals import Races, empty_archive, with_quick_server
from tests.e2e.loop_cloud import loop_cloud


@pytest.fixture(scope="module")
def shared_races(trial_assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Races]:
    """An environment for all trials in which nothing is planted."""
    with races_of(trial_assembly, tmp_path_factory.mktemp("races")) as races:
        yield races


@pytest.fixture
def races(trial_assembly: Path, tmp_path: Path) -> Iterator[Races]:
    """An environment of its own: what is changed in it must not be found by others."""
    with races_of(trial_assembly, tmp_path) as races:
        yield races


@contextmanager
def races_of(assembly: Path, folder: Path) -> Iterator[Races]:
    with loop_cloud(with_quick_server(assembly, folder), folder / "log") as cloud:
        yield Races(cloud, cloud.put_model(empty_archive()))
