"""Campaign: runs of two processes are killed at any moment, inside a save as well, and go on."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import training.checkpoint_files
import training.worker
from tests.unit.training.conftest import TINY, TrainingJob
from training.distributed import World
from training.optimizer import optimizer_tensors
from training.sampler import WeightedSampler
from training.trainer import Trainer

INTERVAL = 5
WORLD_SIZES = (1, 2, 4)
Plant = Callable[[], None]


def nothing() -> None:
    pass


@dataclass
class Kills:
    """Trials in `root`; each says in sentences what did not hold. `plant` runs in each process."""

    root: Path
    seed: int = 0
    sharding: str = "none"
    plant: Plant = nothing
    num_steps: int = 60
    num_kills: int = 0
    num_stops: int = 0
    most_lost: int = 0
    most_at_risk: int = 0
    num_inside_saves: int = 0

    def job(self, name: str, **hyperparameters: str) -> TrainingJob:
        own = {"max_steps": str(self.num_steps), "checkpoint_steps": str(INTERVAL)}
        own |= {"sharding": self.sharding, **hyperparameters}
        return TrainingJob(self.root / name, {**TINY, **own})

    @cached_property
    def whole(self) -> dict[str, str]:
        """The end of a run that nothing interrupted."""
        job = self.job("whole")
        assert job.train(2, lambda: observe(job.root)) == [0, 0]
        return end_of(job)

    def sigkills(self, number: int, num_kills: int) -> list[str]:
        """A run that is killed so often: every third time by itself while it saves."""
        chance, found = random.Random(f"{self.seed}-{number}"), list[str]()
        expected, job = self.whole, self.job(f"killed-{number}")
        for kill in range(num_kills):
            found += self._kill(job, chance, is_inside_save=kill % 3 == 2)
        found += self._goes_on(job)
        if not found and end_of(job) != expected:
            found.append(f"run {number} ended with other weights, optimizer or samples")
        shutil.rmtree(job.root)
        return found

    def sigterms(self, number: int, num_stops: int) -> list[str]:
        """A run that is asked to stop so often, each time one of its processes."""
        chance, found = random.Random(f"{self.seed}-{number}"), list[str]()
        expected, job = self.whole, self.job(f"stopped-{number}")
        for _ in range(num_stops):
            processes = job.fork(2, self._prepare(job))
            wait_for_step(job, last_step(job) + chance.randint(1, 12))
            pid = chance.choice(processes).pid
            assert pid is not None
            os.kill(pid, signal.SIGTERM)
            for process in processes:
                process.join()
            if (job.root / "model").exists():
                break
            self.num_stops += 1
            if newest_complete(job) != last_step(job):
                found.append(f"stopped at {last_step(job)}, saved {newest_complete(job)}")
        found += self._goes_on(job)
        if not found and end_of(job) != expected:
            found.append(f"run {number} ended with other weights, optimizer or samples")
        shutil.rmtree(job.root)
        return found

    def worlds(self, number: int, num_cuts: int) -> list[str]:
        """A run that goes on with one, two or four processes after each cut."""
        chance = random.Random(f"{self.seed}-{number}")
        job = self.job(f"worlds-{number}", max_steps=str(6 * num_cuts), checkpoint_steps="1")
        for _ in range(num_cuts):
            job.hyperparameters["sharding"] = chance.choice(("none", "fsdp"))
            job.write()
            processes = job.fork(chance.choice(WORLD_SIZES), self._prepare(job))
            wait_for_step(job, last_step(job) + chance.randint(2, 4))
            wait_for_save(job)
            for process in processes:
                process.kill()
                process.join()
        found = self._goes_on(job)
        if not found and not job.facts()["resumed_from_steps"]:
            found.append(f"run {number} never went on from a checkpoint")
        sampler = WeightedSampler([1] * 16, seed=0)
        expected = [sorted(sampler.next_batch(8, 0, 1)) for _ in range(6 * num_cuts)]
        if not found and samples_of(job) != expected:
            found.append(f"run {number} took other samples, or in another order")
        shutil.rmtree(job.root)
        return found

    def _kill(self, job: TrainingJob, chance: random.Random, is_inside_save: bool) -> list[str]:
        if (job.root / "model").exists():
            return []
        before, saved = last_step(job), newest_complete(job)
        processes = job.fork(2, self._prepare(job, chance.random() if is_inside_save else None))
        if is_inside_save:
            # One of them ends itself in the middle of a file, or between the files.
            while all(process.is_alive() for process in processes):
                time.sleep(0.002)
        else:
            wait_for_step(job, before + chance.randint(0, 10))
            if not saved:
                # Without a save there is nothing to go on from, and nothing to go wrong with.
                wait_for_save(job)
            time.sleep(chance.random() * 0.2)
        for process in processes:
            process.kill()
            process.join()
        if (job.root / "model").exists():
            return []
        self.num_kills += 1
        self.num_inside_saves += is_inside_save
        newest = newest_complete(job)
        self.most_lost = max(self.most_lost, last_step(job) - newest)
        found = [] if newest >= saved else [f"checkpoint {saved} was lost again"]
        at_risk = steps_at_risk(job, newest)
        self.most_at_risk = max(self.most_at_risk, at_risk)
        if at_risk > INTERVAL:
            found.append(f"killed at {last_step(job)}, {at_risk} steps after {newest} were unsaved")
        return found

    def _goes_on(self, job: TrainingJob) -> list[str]:
        if (job.root / "model").exists():
            return []
        statuses = job.train(2, self._prepare(job))
        return [] if statuses == [0, 0] else [f"the run did not go on: {statuses}"]

    def _prepare(self, job: TrainingJob, kill_at: float | None = None) -> Plant:
        def prepare() -> None:
            observe(job.root)
            if kill_at is not None:
                kill_inside_save(kill_at)
            self.plant()

        return prepare


def observe(root: Path) -> None:
    """Note what each process takes for each step, what no save protects, and the last optimizer."""
    folder = root / "samples"

    class Noting(WeightedSampler):
        step = 0

        def next_batch(self, batch_size: int, rank: int, world_size: int) -> list[int]:
            step = Noting.step = self.position // batch_size + 1
            indices = super().next_batch(batch_size, rank, world_size)
            folder.mkdir(exist_ok=True)
            if rank == 0:
                # What an attempt before took for this step with more processes is undone.
                for path in folder.glob(f"{step:05d}-*"):
                    if int(path.name[6:]) >= world_size:
                        path.unlink(missing_ok=True)
            path = folder / f"{step:05d}-{rank}"
            temporary = root / f"{path.name}.{os.getpid()}"
            temporary.write_text(json.dumps(indices))
            temporary.rename(path)
            return indices

    def agree(world: World, values: list[float]) -> list[float]:
        """After each step all agree, among other things, on whether any of them writes a save."""
        means = mean(world, values)
        if world.is_first and not means[-1]:
            (root / "at-risk").mkdir(exist_ok=True)
            (root / "at-risk" / str(Noting.step)).touch()
        return means

    def note_optimizer(job: Any, trainer: Trainer, dataset: Any, start: Any) -> bytes:
        digest = hashlib.sha256()
        tensors = optimizer_tensors(trainer.optimizer, trainer.parameters.items())
        for name, tensor in sorted(tensors.items()):
            local = tensor.to_local() if hasattr(tensor, "to_local") else tensor
            digest.update(name.encode() + local.numpy().tobytes())
        (root / "optimizer").write_text(digest.hexdigest())
        return described(job, trainer, dataset, start)

    described, mean, patch = training.worker.describe, World.mean, pytest.MonkeyPatch()
    patch.setattr(World, "mean", agree)
    patch.setattr("training.trainer.WeightedSampler", Noting)
    patch.setattr("training.worker.describe", note_optimizer)


def kill_inside_save(moment: float) -> None:
    """End this process in its first save: in its file, before its rename, before the manifest."""
    pieces, rename = training.checkpoint_files._pieces, Path.rename
    rank = int(os.environ["RANK"])
    if rank != int(moment * 1000) % 2 and moment < 0.8:
        return

    def die_in_the_middle(*args: Any) -> Any:
        for number, piece in enumerate(pieces(*args)):
            if number == int(moment * 40):
                os.kill(os.getpid(), signal.SIGKILL)
            yield piece

    def die_before(path: Path, target: Path) -> Path:
        is_manifest = target.name == "manifest.json"
        is_file = target.suffix == ".safetensors"
        if (moment >= 0.8 and is_manifest) or (0.6 <= moment < 0.8 and is_file):
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(path, target)

    patch = pytest.MonkeyPatch()
    patch.setattr(training.checkpoint_files, "_PIECE_BYTES", 1024)
    if moment < 0.6:
        patch.setattr(training.checkpoint_files, "_pieces", die_in_the_middle)
    else:
        patch.setattr(Path, "rename", die_before)


def end_of(job: TrainingJob) -> dict[str, str]:
    return {
        "weights": hashlib.sha256(job.weights()).hexdigest(),
        "optimizer": (job.root / "optimizer").read_text(),
        "samples": json.dumps(samples_of(job)),
    }


def samples_of(job: TrainingJob) -> list[list[int]]:
    """What all processes took together, by step; of repeated steps, the last time."""
    steps: dict[str, list[int]] = {}
    for path in sorted((job.root / "samples").iterdir()):
        steps.setdefault(path.name[:5], []).extend(json.loads(path.read_text()))
    return [sorted(indices) for indices in steps.values()]


def last_step(job: TrainingJob) -> int:
    """The last step that any process has begun, in any attempt."""
    names = [path.name for path in (job.root / "samples").glob("*-*")]
    return max((int(name[:5]) for name in names), default=0)


def newest_complete(job: TrainingJob) -> int:
    """By what lies on the disk: a manifest is there only where all else is."""
    paths = (job.root / "checkpoints").glob("step-*/manifest.json")
    return max((int(path.parent.name[5:]) for path in paths), default=0)


def steps_at_risk(job: TrainingJob, saved: int) -> int:
    """How many steps of this attempt after `saved` were made while no save was being written."""
    folder = job.root / "at-risk"
    count = sum(int(path.name) > saved for path in folder.glob("*"))
    shutil.rmtree(folder, ignore_errors=True)
    return count


def wait_for_step(job: TrainingJob, step: int) -> None:
    wait_until(job, lambda: last_step(job) >= step, f"step {step}")


def wait_for_save(job: TrainingJob) -> None:
    """Until there is a whole checkpoint, of this attempt or of one before."""
    wait_until(job, lambda: newest_complete(job) > 0, "save")


def wait_until(job: TrainingJob, seen: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not seen() and not (job.root / "model").exists():
        assert time.monotonic() < deadline, f"no {what} in 60 seconds"
        time.sleep(0.002)
