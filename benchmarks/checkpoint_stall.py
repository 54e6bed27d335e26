"""How long training stands still for checkpoints, at a tenth of transformers' default interval."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, TrainingArguments
from transformers import Trainer as PeerTrainer

from benchmarks.measuring import Row, keep
from benchmarks.training import PEER_NAME, SETTINGS, Indices, collate, read_examples
from training.checkpoints import Checkpoints
from training.distributed import World, join_world
from training.model import make_model
from training.objectives.causal_lm import CausalLM
from training.tokenizer import train_tokenizer
from training.trainer import Trainer

PEER_INTERVAL = 500
INTERVAL = PEER_INTERVAL // 10
NUM_THREADS = 1


class Timed(Trainer):
    """Notes how long each save keeps the loop, and how long each step takes."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.stalls: list[float] = []
        self.steps: list[tuple[bool, float]] = []

    def save(self) -> None:
        started = time.perf_counter()
        super().save()
        self.stalls.append(time.perf_counter() - started)

    def training_step(self) -> tuple[float, int]:
        is_writing = self.checkpoints.is_writing
        started = time.perf_counter()
        found = super().training_step()
        self.steps.append((is_writing, time.perf_counter() - started))
        return found


class TimedPeer(PeerTrainer):
    """The same of transformers' loop."""

    stall = 0.0

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        started = time.perf_counter()
        super()._save_checkpoint(*args, **kwargs)
        self.stall = time.perf_counter() - started


def main() -> None:
    torch.set_num_threads(NUM_THREADS)
    alone = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    os.environ |= {**alone, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    with tempfile.TemporaryDirectory() as folder, join_world() as world:
        keep("checkpoint_stall", Stalls(Path(folder), world).rows())


class Stalls:
    """Both loops with one model and the same examples."""

    def __init__(self, folder: Path, world: World) -> None:
        self._folder, self._world = folder, world
        # About 20 million parameters.
        self._settings = dataclasses.replace(
            SETTINGS,
            hidden_size=448,
            intermediate_size=1216,
            num_hidden_layers=8,
            batch_size=1,  # the shorter the steps, the more a stall is of them
            max_steps=2 * INTERVAL + 10,
            checkpoint_steps=INTERVAL,
        )
        examples = read_examples()
        texts = [text for one in examples for text in (one.question, one.answer)]
        self._tokenizer = train_tokenizer(texts, self._settings.vocab_size)
        self._objective = CausalLM(examples, self._tokenizer, self._settings)

    def rows(self) -> list[Row]:
        trainer = self._ours()
        free = [seconds for is_writing, seconds in trainer.steps if not is_writing]
        slowed = [seconds for is_writing, seconds in trainer.steps if is_writing]
        step = sum(free) / len(free)
        stall = sum(trainer.stalls) / len(trainer.stalls)
        shares = [100 * one / (INTERVAL * step) for one in (stall, max(trainer.stalls))]
        slowing = sum(slowed) - step * len(slowed)
        of_slowing = 100 * slowing / len(trainer.stalls) / (INTERVAL * step)
        peer = self._peer()
        size = sum(one.numel() for one in trainer.parameters.values()) / 1e6
        model = f"{size:.1f}M parameters"
        return [
            Row(f"stall of a save, {model}, seconds", stall, peer, PEER_NAME),
            Row(
                f"stall every {INTERVAL} steps, % of the steps' time", shares[0], None, None, "<= 1"
            ),
            Row("the longest stall, % of the steps' time", shares[1]),
            Row("slower steps while it is written, % of the steps' time", of_slowing),
            Row(
                f"peer's stall every {PEER_INTERVAL} steps, %", 100 * peer / (PEER_INTERVAL * step)
            ),
            Row("mean time of a step, seconds", step),
        ]

    def _model(self) -> PreTrainedModel:
        torch.manual_seed(self._settings.seed)
        return make_model(self._tokenizer, self._settings)

    def _ours(self) -> Timed:
        checkpoints = Checkpoints(self._folder / "ours", self._world)
        trainer = Timed(
            self._model(),
            self._objective,
            self._settings,
            self._world,
            checkpoints,
            {},
            lambda: False,
        )
        trainer.train()
        return trainer

    def _peer(self) -> float:
        trainer = TimedPeer(
            model=self._model(),
            args=TrainingArguments(
                output_dir=str(self._folder / "peer"),
                max_steps=3,
                per_device_train_batch_size=self._settings.batch_size,
                optim="adamw_torch_fused",
                save_steps=2,
                report_to="none",
                disable_tqdm=True,
                remove_unused_columns=False,
                use_cpu=True,
            ),
            train_dataset=Indices(len(self._objective.weights)),
            data_collator=partial(collate, self._objective),
        )
        trainer.train()
        return trainer.stall


if __name__ == "__main__":
    main()
