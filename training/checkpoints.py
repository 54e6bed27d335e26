"""Checkpoints that survive anything: complete or ignored, never half believed.

All hosts of a job share one prefix, which SageMaker syncs file by file in any order. So a
checkpoint is a folder of files with rank-unique names, each written under a temporary name, and a
manifest with their SHA-256, written last by the first rank. What is not in a manifest, or is not
what its manifest says, does not exist.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from training.distributed import World

FOLDER = re.compile(r"step-(\d{8})")
MANIFEST = "manifest.json"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write so that `path` holds either all of `content` or what it held before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Checkpoints:
    """The checkpoints of one job in `folder`, as one rank sees them."""

    def __init__(self, folder: Path, world: World, keep: int = 2) -> None:
        self.folder, self._world, self._keep = folder, world, keep

    def save(self, step: int, files: Mapping[str, bytes]) -> None:
        """Save this rank's files of `step`; every rank calls it. Names are unique over ranks."""
        folder = self._path(step)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
        digests: dict[str, str] = {}
        # The exchange is the barrier too: no manifest before every rank's files are on disk.
        for one in self._world.gather({name: _digest(data) for name, data in files.items()}):
            assert not digests.keys() & one.keys(), "two ranks wrote one name"
            digests |= one
        if self._world.is_first:
            manifest = json.dumps({"step": step, "files": digests}, indent=1, sort_keys=True)
            write_atomically(folder / MANIFEST, manifest.encode())
        self._world.gather(None)
        self._remove_older(step)

    def latest(self) -> tuple[int, dict[str, bytes]] | None:
        """The newest checkpoint that is complete on every rank: its step and its files."""
        complete = set.intersection(*(set(steps) for steps in self._world.gather(self._complete())))
        for step in sorted(complete, reverse=True):
            files = self._read(step)
            assert files is not None, f"checkpoint {step} changed while it was read"
            return step, files
        return None

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def _steps(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        matches = (FOLDER.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def _complete(self) -> list[int]:
        complete = []
        for step in reversed(self._steps()):
            if self._read(step) is None:
                print(f"checkpoint step-{step:08d} is incomplete or damaged: ignored", flush=True)
            else:
                complete.append(step)
        return complete

    def _read(self, step: int) -> dict[str, bytes] | None:
        """The files of a step, or None where they aren't what the manifest says."""
        folder = self._path(step)
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
            digests: dict[str, str] = dict(manifest["files"])
            files = {name: (folder / Path(name).name).read_bytes() for name in digests}
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if manifest.get("step") != step:
            return None
        intact = all(_digest(files[name]) == digest for name, digest in digests.items())
        return files if intact else None

    def _remove_older(self, step: int) -> None:
        """Keep the last few up to `step`; ranks of one host may race for the same folder."""
        older = [one for one in self._steps() if one <= step][: -self._keep]
        for one in older:
            # The manifest goes first: what is left of a removed checkpoint is not a checkpoint.
            (self._path(one) / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(self._path(one), ignore_errors=True)
