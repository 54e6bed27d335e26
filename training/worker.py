"""One process of a training job, started by torchrun: reads, trains, writes."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from torch.distributed.elastic.multiprocessing.errors import record
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from meguru.accelerator import check_accelerator
from meguru.hyperparameters import Hyperparameters
from training.checkpoints import Checkpoints, write_atomically
from training.dataset import Dataset, load_dataset
from training.distributed import World, join_world
from training.job import Job
from training.model import load_initial_model, make_model, save_model
from training.objectives import make_objective
from training.tokenizer import train_tokenizer
from training.trainer import Outcome, Trainer


class StopSignal:
    """Remembers that SIGTERM came, from the moment it is made."""

    def __init__(self) -> None:
        self.received = False
        signal.signal(signal.SIGTERM, self._receive)

    def _receive(self, number: int, frame: object) -> None:
        self.received = True

    def __call__(self) -> bool:
        return self.received


def prepare(
    job: Job, dataset: Dataset, settings: Hyperparameters, world: World
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The model to start from and its tokenizer, the same on every rank."""
    torch.manual_seed(settings.seed)
    if job.initial_model:
        return load_initial_model(job.initial_model)
    texts = [text for row in dataset.split("train") for text in (row.question, row.answer)]
    tokenizer = world.broadcast(
        train_tokenizer(texts, settings.vocab_size) if world.is_first else None
    )
    return make_model(tokenizer, settings), tokenizer


def write_results(job: Job, trainer: Trainer, dataset: Dataset) -> None:
    """The facts of this run, beside the weights: what an approver or a later run asks for."""
    facts: dict[str, Any] = {
        "hyperparameters": dataclasses.asdict(trainer.settings),
        "num_steps": trainer.step,
        "final_loss": trainer.curve.last_loss,
        "num_parameters": sum(one.numel() for one in trainer.parameters.values()),
        "num_processes": trainer.world.size,
        "seconds": round(trainer.curve.seconds, 3),
        "resumed_from_steps": trainer.curve.resumed_from_steps,
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "training_job": job.name,
        "commit": os.environ.get("SOURCE_COMMIT"),
    }
    content = json.dumps(facts, indent=2, ensure_ascii=False).encode()
    write_atomically(job.model / "training.json", content)


def run(job: Job, world: World, stop_requested: StopSignal) -> Outcome:
    """Train as the job says; on the first rank, leave the model and the loss curve."""
    settings = Hyperparameters.parse(job.hyperparameters())
    torch.set_num_threads(settings.num_threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    dataset = load_dataset(job.dataset)
    model, tokenizer = prepare(job, dataset, settings, world)
    trainer = Trainer(
        model,
        make_objective(dataset.split("train"), tokenizer, settings),
        settings,
        world,
        Checkpoints(job.checkpoints, world),
        {
            "dataset_version": dataset.version,
            "num_processes": world.size,
            "hyperparameters": dataclasses.asdict(settings),
        },
        stop_requested,
    )
    outcome = trainer.train()
    if world.is_first:
        job.output_data.mkdir(parents=True, exist_ok=True)
        write_atomically(job.output_data / "metrics.jsonl", trainer.curve.dump())
        if outcome is Outcome.FINISHED:
            save_model(job.model, trainer.model, tokenizer)
            write_results(job, trainer, dataset)
    return outcome


@record
def main() -> None:
    """Writes how the run ended to the file that the command line names."""
    stop_requested = StopSignal()
    job = Job.from_environment(os.environ)
    check_accelerator(
        is_used=torch.cuda.is_available(),
        environment=os.environ,
        instance_type=job.resources().instance_type,
    )
    with join_world() as world:
        outcome = run(job, world, stop_requested)
        # No rank leaves before the model is written: torchrun ends all when one ends.
        world.gather(None)
    if os.environ["LOCAL_RANK"] == "0":
        write_atomically(Path(sys.argv[1]), outcome.value.encode())
