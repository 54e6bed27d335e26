"""Campaign: checkpoint folders as a broken sync, disk or kill leaves them; none wrong is loaded."""

from __future__ import annotations

import random
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.checkpoints import Checkpoints
from training.distributed import World

STEPS = (5, 10, 15)
FILES = ("rank-00000.safetensors", "manifest.json")


class OneRank(World):
    """A world of one that needs no process group."""

    def gather(self, value: Any) -> list[Any]:
        return [value]

    def apart(self) -> World:
        return self


def checkpoints(folder: Path) -> Checkpoints:
    # Torch says that it is one process on its own, which is so.
    warnings.filterwarnings("ignore", message="torch.distributed is disabled")
    return Checkpoints(folder, OneRank(0, 1, torch.device("cpu")), keep=len(STEPS))


def state(step: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    return {f"weights/{number}": torch.rand(17, 9, generator=generator) for number in range(4)}


@dataclass
class Damages:
    """Trials in `root`; each says in sentences what did not hold."""

    root: Path
    seed: int = 0

    def trial(self, number: int) -> list[str]:
        """Damage some of three checkpoints in some way; the newest whole one has to come back."""
        chance = random.Random(f"{self.seed}-{number}")
        folder = self.root / str(number)
        saved = checkpoints(folder)
        for step in STEPS:
            saved.begin(step, state(step), {"step": step})
        saved.finish()
        damaged = {step for step in STEPS[1:] if chance.random() < 0.7}
        damaged |= {STEPS[0]} if chance.random() < 0.2 else set()
        for step in damaged:
            self._damage(folder / f"step-{step:08d}", chance)
        self._clutter(folder, chance)
        found = self._faults(folder, max(set(STEPS) - damaged, default=None))
        shutil.rmtree(folder)
        return found

    def _faults(self, folder: Path, expected: int | None) -> list[str]:
        found = checkpoints(folder).newest()
        if found is None or expected is None:
            step = found.step if found else None
            return [] if step == expected else [f"{folder.name}: {step}, not {expected}"]
        loaded = {name: torch.zeros_like(one) for name, one in state(0).items()}
        try:
            checkpoints(folder).load(found, loaded)
        except ValueError as error:
            return [f"{folder.name}: {error}"]
        right = state(expected)
        if all(torch.equal(loaded[name], right[name]) for name in right):
            return []
        return [f"{folder.name}: loaded {found.step}, which is not what {expected} was"]

    def _damage(self, folder: Path, chance: random.Random) -> None:
        path = folder / chance.choice(FILES)
        content = path.read_bytes()
        way = chance.choice(("missing", "cut", "flipped", "zeros", "of another step", "only begun"))
        if way == "missing":
            path.unlink()
        elif way == "cut":
            path.write_bytes(content[: chance.randrange(len(content))])
        elif way == "flipped":
            path = folder / FILES[0]
            changed = bytearray(path.read_bytes())
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
        elif way == "zeros":
            path.write_bytes(bytes(len(content)))
        elif way == "of another step":
            others = [one for one in folder.parent.glob(f"step-*/{path.name}") if one != path]
            other = chance.choice(others) if others else None
            path.write_bytes(other.read_bytes() if other else b"")
        else:
            path.rename(path.with_name(f".{path.name}.77.tmp"))

    def _clutter(self, folder: Path, chance: random.Random) -> None:
        """What SageMaker's sync and earlier attempts leave about."""
        for name in ("x.sagemaker-uploading", "step-99999999", "step-7", "step-00000010.tmp"):
            if chance.random() < 0.5:
                (folder / name).write_bytes(b"?")
        (folder / "step-00000020").mkdir()
        for step in STEPS:
            inside = folder / f"step-{step:08d}" / "rank-00007.safetensors"
            if chance.random() < 0.3 and inside.parent.is_dir():
                inside.write_bytes(b"of an attempt before")
