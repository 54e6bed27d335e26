"""An environment whose releases take a second, for many of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.approvals import Races, empty_archive, with_quick_server
from tests.e2e.loop_cloud import loop_cloud, synthesize_trial


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize_trial(tmp_path_factory.mktemp("campaign"))


@pytest.fixture
def races(assembly: Path, tmp_path: Path) -> Iterator[Races]:
    """A fresh environment: a trial's fault must not be found in the next one again."""
    quick = with_quick_server(assembly, tmp_path)
    with loop_cloud(quick, tmp_path / "log") as cloud:
        yield Races(cloud, cloud.put_model(empty_archive()))
