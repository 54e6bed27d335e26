"""One process of a training job, forked by its host's entrypoint: reads, trains, writes."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import torch
from torch.distributed.elastic.multiprocessing.errors import record

from meguru.accelerator import check_accelerator
from meguru.dataset_version import DatasetVersion, read_dataset_version
from meguru.hyperparameters import Hyperparameters
from meguru.model_hashes import write_hashes
from training.checkpoint_files import write_atomically
from training.checkpoints import Checkpoints
from training.distributed import World, join_world
from training.job import Job
from training.objectives import Objective, make_objective
from training.sharding import whole_weights
from training.start import Start, make_start
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


def read_parquet(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """A shard's rows, with those of the columns that it has."""
    # Not read_table: it imports what reads whole folders of files, in every process anew.
    with pyarrow.parquet.ParquetFile(path) as file:
        table = file.read()
    known = table.select([name for name in columns if name in table.column_names])
    rows: list[dict[str, Any]] = known.to_pylist()
    return rows


def note_set_aside(objective: Objective) -> None:
    """A line in the job's log for each record that the model can't take."""
    for one in objective.set_aside:
        said = " ".join(f"{name}={value}" for name, value in dataclasses.asdict(one).items())
        print(f"event=set_aside {said}", flush=True)


def describe(job: Job, trainer: Trainer, dataset: DatasetVersion, start: Start) -> bytes:
    """The facts of this run, beside the weights: what an approver or a later run asks for."""
    facts: dict[str, Any] = {
        "hyperparameters": dataclasses.asdict(trainer.settings),
        "num_steps": trainer.step,
        "final_loss": trainer.curve.last_loss,
        "num_parameters": sum(one.numel() for one in trainer.model.parameters()),
        "num_trained_parameters": sum(one.numel() for one in trainer.parameters.values()),
        "base": start.base and dataclasses.asdict(start.base),
        "num_processes": trainer.world.size,
        "seconds": round(trainer.curve.seconds, 3),
        "resumed_from_steps": trainer.curve.resumed_from_steps,
        "num_set_aside": len(trainer.objective.set_aside),
        "set_aside": [dataclasses.asdict(one) for one in trainer.objective.set_aside],
        "num_contexts_cut": trainer.objective.num_contexts_cut,
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "training_job": job.name,
        "commit": os.environ.get("SOURCE_COMMIT"),
    }
    return json.dumps(facts, indent=2, ensure_ascii=False).encode()


# What a run may be resumed with another value of: none of these says what is learnt.
FREE = ("checkpoint_minutes", "checkpoint_steps", "logging_steps", "processes_per_host", "sharding")


def identity_of(settings: Hyperparameters) -> dict[str, Any]:
    """The hyperparameters that make a run this run."""
    return {name: one for name, one in dataclasses.asdict(settings).items() if name not in FREE}


def run(job: Job, world: World, stop_requested: StopSignal) -> Outcome:
    """Train as the job says; on the first rank, leave the model and the loss curve."""
    settings = Hyperparameters.parse(job.hyperparameters())
    torch.set_num_threads(settings.num_threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    dataset = read_dataset_version(job.dataset, read_parquet)
    if not dataset.split("train"):
        raise ValueError("the dataset has no row in split 'train'")
    start = make_start(job, dataset, settings, world)
    settings = start.settings
    objective = make_objective(dataset.split("train"), start.tokenizer, settings)
    if world.is_first:
        note_set_aside(objective)
    trainer = Trainer(
        start.model,
        objective,
        settings,
        world,
        Checkpoints(job.checkpoints, world),
        {
            "dataset_version": dataset.version,
            "hyperparameters": identity_of(settings),
            "base": start.base and str(start.base),
        },
        stop_requested,
    )
    start.refuse_merge_of_parts(is_sharded=trainer.is_sharded)
    outcome = trainer.train()
    is_gathered = trainer.is_sharded and outcome is Outcome.FINISHED
    weights = whole_weights(trainer.model, world) if is_gathered else None
    if world.is_first:
        job.output_data.mkdir(parents=True, exist_ok=True)
        write_atomically(job.output_data / "metrics.jsonl", trainer.curve.dump())
        if outcome is Outcome.FINISHED:
            # Before they are merged, what was trained and what was not can be told apart.
            facts = describe(job, trainer, dataset, start)
            start.save(job.model, weights)
            write_atomically(job.model / "training.json", facts)
            write_hashes(job.model)
    return outcome


@record
def main(outcome_file: Path) -> None:
    """Writes how the run ended to `outcome_file`."""
    stop_requested = StopSignal()
    job = Job.from_environment(os.environ)
    check_accelerator(
        is_used=torch.cuda.is_available(),
        environment=os.environ,
        instance_type=job.resources().instance_type,
    )
    with join_world() as world:
        outcome = run(job, world, stop_requested)
        # No rank leaves before the model is written: the first one is where all of them meet.
        world.gather(None)
    if os.environ["LOCAL_RANK"] == "0":
        write_atomically(outcome_file, outcome.value.encode())
