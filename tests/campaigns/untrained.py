"""An environment with a model that was never trained, and serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.loop_cloud import LoopCloud, loop_cloud, make_model_archive

TEXTS = ["締切は毎月10日です。When is it due?"] * 9


@contextmanager
def untrained_cloud(assembly: Path, folder: Path, **sizes: int) -> Iterator[LoopCloud]:
    """The assembly's cloud, with what it writes in `folder`; `sizes` are of the model."""
    (folder / "model").mkdir()
    archive = make_model_archive(folder / "model", TEXTS, **sizes)
    with loop_cloud(assembly, folder / "log") as cloud:
        version = cloud.register(cloud.put_model(archive))
        cloud.decide(version, "Approved")
        cloud.loop.released(version)
        yield cloud
