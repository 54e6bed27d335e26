"""Our loop, counted."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.sft.subject import Count, Subject, add_adapter
from training.checkpoints import Checkpoints
from training.distributed import join_world
from training.precision import prepare_for_training
from training.trainer import Trainer


class CountedTrainer(Trainer):
    """The trainer, with a note of every step."""

    count: Count

    def training_step(self) -> tuple[float, int]:
        loss, num_tokens = super().training_step()
        self.count.tokens.append(num_tokens)
        self.count.step_done()
        return loss, num_tokens


def train(subject: Subject, count: Count) -> None:
    """All steps of the subject's settings."""
    alone = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    os.environ |= {**alone, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    if subject.settings.method == "lora":
        add_adapter(subject)
    with tempfile.TemporaryDirectory() as folder, join_world() as world:
        prepare_for_training(subject.model, subject.settings, world.device)
        trainer = CountedTrainer(
            subject.model,
            subject.objective,
            subject.settings,
            world,
            Checkpoints(Path(folder), world),
            {},
            lambda: False,
        )
        trainer.count = count
        trainer.train()
