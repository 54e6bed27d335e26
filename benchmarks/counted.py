"""Loops of which each step is counted: ours, on one process, and a peer's."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

from transformers import PreTrainedModel, TrainerCallback

from meguru.hyperparameters import Hyperparameters
from training.checkpoints import Checkpoints
from training.distributed import join_world
from training.objectives import Objective
from training.precision import prepare_for_training
from training.trainer import Trainer


class Count(Protocol):
    """What a benchmark notes of a loop."""

    tokens: list[int]

    def step_done(self) -> None:
        """After each step."""
        ...


class CountedTrainer(Trainer):
    """The job's own loop, with a note of every step."""

    count: Count

    def training_step(self) -> tuple[float, int]:
        loss, num_tokens = super().training_step()
        self.count.tokens.append(num_tokens)
        self.count.step_done()
        return loss, num_tokens


class CountedSteps(TrainerCallback):
    """Of transformers' loop, and so of TRL's."""

    def __init__(self, count: Count) -> None:
        self._count = count

    def on_step_end(self, *arguments: Any, **options: Any) -> None:
        self._count.step_done()


def train_alone(
    model: PreTrainedModel, objective: Objective, settings: Hyperparameters, count: Count
) -> None:
    """All steps of the settings, by our loop in this one process."""
    alone = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    os.environ |= {**alone, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    with tempfile.TemporaryDirectory() as folder, join_world() as world:
        prepare_for_training(model, settings, world.device)
        checkpoints = Checkpoints(Path(folder), world)
        trainer = CountedTrainer(model, objective, settings, world, checkpoints, {}, lambda: False)
        trainer.count = count
        trainer.train()
