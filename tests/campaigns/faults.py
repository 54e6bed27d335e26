"""Faults to plant in training processes: each breaks one thing that campaigns rely on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from training.sampler import WeightedSampler
from training.trainer import Trainer


def forget_optimizer() -> None:
    """The optimizer begins anew."""
    pytest.MonkeyPatch().setattr("training.state.restore_optimizer", lambda *args: None)


def forget_position() -> None:
    """The samples begin anew."""
    resume = Trainer.resume

    def forget(trainer: Trainer) -> None:
        resume(trainer)
        trainer.sampler.position = 0

    pytest.MonkeyPatch().setattr(Trainer, "resume", forget)


def skip_the_last_save() -> None:
    """Who is asked to stop leaves without a save."""
    save = Trainer.save

    def skip(trainer: Trainer) -> None:
        if not any(trainer.world.gather(trainer.stop_requested())):
            save(trainer)

    pytest.MonkeyPatch().setattr(Trainer, "save", skip)


def save_seldom() -> None:
    """Only every third save is made."""
    save = Trainer.save

    def seldom(trainer: Trainer) -> None:
        trainer.schedule.began()
        if trainer.step % 15 == 0:
            save(trainer)

    pytest.MonkeyPatch().setattr(Trainer, "save", seldom)


def order_by_world() -> None:
    """The order of the samples depends on the number of processes."""
    draw = WeightedSampler._at

    def reordered(sampler: WeightedSampler, position: int) -> int:
        return draw(sampler, position + 3 * getattr(sampler, "_world_size", 0))

    patch = pytest.MonkeyPatch()
    patch.setattr(WeightedSampler, "_at", reordered)
    take = WeightedSampler.next_batch

    def noting(sampler: Any, batch_size: int, rank: int, world_size: int) -> list[int]:
        sampler._world_size = world_size
        return take(sampler, batch_size, rank, world_size)

    patch.setattr(WeightedSampler, "next_batch", noting)


@contextmanager
def trust_every_file() -> Iterator[None]:
    """No hash is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.checkpoint_files.File.is_intact", lambda self, folder: True)
        yield
