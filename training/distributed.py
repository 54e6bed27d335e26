"""The processes of one job: their group, and what they agree on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import torch
import torch.distributed
from torch.distributed import ProcessGroup

# Longer than the slowest rank's checkpoint, shorter than a person's patience.
TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True)
class World:
    """This process among all: `rank` of `size`, on `device`. They exchange in `group`."""

    rank: int
    size: int
    device: torch.device
    group: ProcessGroup | None = None

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def apart(self) -> World:
        """The same processes with exchanges of their own: for a thread beside the training."""
        return replace(self, group=torch.distributed.new_group(backend="gloo", timeout=TIMEOUT))

    def mean(self, values: list[float]) -> list[float]:
        """The means over all ranks, in one exchange."""
        # Always on the CPU, so that one gloo exchange serves every device.
        tensor = torch.tensor(values, dtype=torch.float64)
        torch.distributed.all_reduce(tensor, group=self.group)
        means: list[float] = (tensor / self.size).tolist()
        return means

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, by rank."""
        values = [None] * self.size
        torch.distributed.all_gather_object(values, value, group=self.group)
        return values

    def broadcast(self, value: Any) -> Any:
        """The first rank's value."""
        values = [value]
        torch.distributed.broadcast_object_list(values, src=0, group=self.group)
        return values[0]


@contextmanager
def join_world(environment: Mapping[str, str] = os.environ) -> Iterator[World]:
    """Join the group that `RANK`, `WORLD_SIZE`, `LOCAL_RANK` and `MASTER_*` describe."""
    rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    if torch.cuda.is_available():
        device = torch.device("cuda", int(environment["LOCAL_RANK"]))
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    else:
        device, backend = torch.device("cpu"), "gloo"
    torch.distributed.init_process_group(backend, timeout=TIMEOUT)
    try:
        yield World(rank, size, device)
    finally:
        torch.distributed.destroy_process_group()
