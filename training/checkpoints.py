"""Checkpoints that survive anything: complete or ignored, never half believed.

All hosts of a job share one prefix, which SageMaker syncs file by file in any order. So a
checkpoint is a folder of files with rank-unique names, each written under a temporary name, and a
manifest with their SHA-256, written last by the first rank. What is not in a manifest, or is not
what its manifest says, does not exist.
"""

from __future__ import annotations

import re
import shutil
import socket
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner, DefaultSavePlanner
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.staging import DefaultStager, StagingOptions
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor

from training.checkpoint_files import MANIFEST, Manifest, ShardReader, ShardWriter
from training.distributed import World

FOLDER = re.compile(r"step-(\d{8})")
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """One that is complete: where it lies, and what its manifest says."""

    folder: Path
    manifest: Manifest

    @property
    def step(self) -> int:
        return self.manifest.step

    @property
    def progress(self) -> dict[str, Any]:
        return self.manifest.progress

    def sizes(self) -> dict[str, torch.Size]:
        """The whole tensors in it, by name."""
        metadata = ShardReader(self.folder, self.manifest).read_metadata()
        return {
            name: one.size
            for name, one in metadata.state_dict_metadata.items()
            if isinstance(one, TensorStorageMetadata)
        }


class Checkpoints:
    """The checkpoints of one job in `folder`, as one rank sees them; every rank makes each call.

    `begin` returns when the state is copied to the host's memory; the files are written meanwhile.
    The memory for the first copy takes longer to get than any copy: `reserve` gets it in advance.
    """

    def __init__(self, folder: Path, world: World, keep: int = 2) -> None:
        self.folder, self._keep = folder, keep
        # The writing's exchanges go beside the training's, which they must not be mixed with.
        self._world, self._background = world, world.apart()
        self._stager = DefaultStager(_staging(world.device))
        self._thread = ThreadPoolExecutor(
            1, thread_name_prefix="checkpoint", initializer=_use, initargs=(world.device,)
        )
        self._writing: Future[Any] | None = None
        self._step = 0
        self.write_seconds = 0.0

    @property
    def is_writing(self) -> bool:
        """Whether the thread is still busy with the last one, as far as this rank can tell."""
        return self._writing is not None and not self._writing.done()

    def reserve(self, tensors: Tensors) -> None:
        """Have the memory ready for what `begin` will be given. `tensors` may change meanwhile."""
        self._writing = self._thread.submit(self._stager.stage, tensors)

    def begin(self, step: int, tensors: Tensors, progress: Mapping[str, Any]) -> None:
        """Begin to save: this rank's `tensors`, and on the first rank the `progress`."""
        self.finish()
        self._step = step
        staged = self._stager.stage(tensors)
        assert isinstance(staged, dict)  # a future only where staging is asynchronous
        self._writing = self._thread.submit(self._write, step, staged, progress)

    def finish(self) -> None:
        """Wait until what was begun is written. OSError where it couldn't be."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            writing.result()
        except CheckpointException as error:
            raise OSError(
                f"checkpoint of step {self._step} was not written: {_first(error)}"
            ) from error

    def _write(self, step: int, tensors: Tensors, progress: Mapping[str, Any]) -> None:
        began_at = time.monotonic()
        save(
            tensors,
            storage_writer=ShardWriter(self._path(step), step, progress),
            planner=DefaultSavePlanner(flatten_state_dict=False, flatten_sharded_tensors=False),
            process_group=self._background.group,
        )
        self.write_seconds = time.monotonic() - began_at
        if self._world.is_first:
            print(f"event=checkpoint step={step} seconds={self.write_seconds:.3f}", flush=True)
        self._remove_older(step)

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is complete on every rank."""
        seen = self._world.gather((self._place(), self._steps()))
        places = [place for place, _ in seen]
        # Ranks of one host see the same files: each looks at its share of them.
        mates = [rank for rank, place in enumerate(places) if place == places[self._world.rank]]
        share, num_shares = mates.index(self._world.rank), len(mates)
        for step in sorted({step for _, steps in seen for step in steps}, reverse=True):
            manifest = self._intact(step, share, num_shares)
            if all(self._world.gather(manifest is not None)):
                assert manifest is not None
                return Checkpoint(self._path(step), manifest)
            if self._world.is_first:
                print(f"checkpoint step-{step:08d} is incomplete or damaged: ignored", flush=True)
        return None

    def load(self, checkpoint: Checkpoint, tensors: Tensors) -> None:
        """Fill `tensors` in place, whole ones or shards, whichever way they were saved.

        ValueError where the checkpoint hasn't got them.
        """
        planner = DefaultLoadPlanner(flatten_state_dict=False, flatten_sharded_tensors=False)
        try:
            load(
                dict(tensors),
                storage_reader=ShardReader(checkpoint.folder, checkpoint.manifest),
                planner=planner,
                process_group=self._background.group,
            )
        except CheckpointException as error:
            raise ValueError(
                f"checkpoint of step {checkpoint.step} can't be loaded: {_first(error)}"
            ) from error

    def _intact(self, step: int, share: int, num_shares: int) -> Manifest | None:
        folder = self._path(step)
        manifest = Manifest.read(folder)
        if manifest is None or manifest.step != step:
            return None
        files = manifest.files[share::num_shares]
        return manifest if all(one.is_intact(folder) for one in files) else None

    def _place(self) -> tuple[str, int, int]:
        """The same for ranks that see the same folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        status = self.folder.stat()
        return socket.gethostname(), status.st_dev, status.st_ino

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def _steps(self) -> list[int]:
        matches = (FOLDER.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def _remove_older(self, step: int) -> None:
        """Keep the last few up to `step`; ranks of one host may race for the same folder."""
        older = [one for one in self._steps() if one <= step][: -self._keep]
        for one in older:
            # The manifest goes first: what is left of a removed checkpoint is not a checkpoint.
            (self._path(one) / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(self._path(one), ignore_errors=True)


def _first(error: CheckpointException) -> BaseException:
    """What went wrong on the first rank that it did on."""
    return next(iter(error.failures.values()))[0]


def _use(device: torch.device) -> None:
    """A thread begins on the first GPU, whichever its process is on."""
    if device.type == "cuda":
        torch.cuda.set_device(device)


def _staging(device: torch.device) -> StagingOptions:
    """Pinned memory where a GPU copies into it by itself."""
    is_cuda = device.type == "cuda"
    return StagingOptions(
        use_pinned_memory=is_cuda,
        use_shared_memory=False,
        use_async_staging=False,
        use_non_blocking_copy=is_cuda,
    )


def share_of(tensors: Mapping[str, torch.Tensor], rank: int, size: int) -> Tensors:
    """What one rank saves of a state that all have: its own shards, and its part of the rest.

    Of whole tensors every rank has the same copy, so each is copied and written by one of them.
    """
    num_bytes, mine = [0] * size, Tensors()
    for name, tensor in sorted(tensors.items()):
        if isinstance(tensor, DTensor):
            mine[name] = tensor.detach()
            continue
        owner = num_bytes.index(min(num_bytes))
        num_bytes[owner] += tensor.nbytes
        if owner == rank:
            mine[name] = tensor.detach()
    return mine
