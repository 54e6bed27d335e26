"""A serving environment, brought up once: a tiny random model, registered and approved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.loop_cloud import LoopCloud, loop_cloud, make_model_archive

TEXTS = ["有給休暇の申請期限はいつですか", "毎月10日までに申請してください。", "When is it due?"]


@pytest.fixture(scope="session")
def model_archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_model_archive(tmp_path_factory.mktemp("model"), TEXTS * 3)


@pytest.fixture(scope="session")
def cloud(
    trial_assembly: Path, model_archive: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoopCloud]:
    """The environment with a model version that serves."""
    with loop_cloud(trial_assembly, tmp_path_factory.mktemp("cloud") / "log") as cloud:
        package = cloud.register(cloud.put_model(model_archive))
        cloud.decide(package, "Approved")
        cloud.loop.released(package)
        yield cloud
