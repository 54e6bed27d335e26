"""A run's state as tensors: weights, optimizer, random states and the loss curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from training.checkpoints import Checkpoint, Checkpoints, Tensors, share_of
from training.distributed import World
from training.loss_curve import LossCurve
from training.optimizer import empty_optimizer_tensors, optimizer_tensors, restore_optimizer

METRICS = "metrics"


@dataclass(frozen=True)
class TrainingState:
    """What changes while a run goes on, as this rank holds it: no frozen weights."""

    parameters: Mapping[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    curve: LossCurve
    world: World

    def tensors(self) -> Tensors:
        """What this rank saves: its part of what all share, and what is its own."""
        shared: Tensors = {f"weights/{name}": one for name, one in self.parameters.items()}
        optimizer = optimizer_tensors(self.optimizer, self.parameters.items())
        shared.update({f"optimizer/{name}": one for name, one in optimizer.items()})
        mine = share_of(shared, self.world.rank, self.world.size)
        for name, one in _random_states(self.world.device).items():
            mine[self._random(name)] = one
        if self.world.is_first:
            content = bytearray(self.curve.dump() or b"\n")  # a tensor of nothing has no place
            mine[METRICS] = torch.frombuffer(content, dtype=torch.uint8)
        return mine

    def load(self, checkpoints: Checkpoints, found: Checkpoint) -> None:
        """Take up what `found` holds; every rank takes part, however many there were."""
        sizes = found.sizes()
        # What no gradient has reached yet has no state in the optimizer.
        stepped = [one for one in self.parameters.items() if f"optimizer/exp_avg/{one[0]}" in sizes]
        optimizer = empty_optimizer_tensors(stepped)
        tensors = {f"weights/{name}": one.detach() for name, one in self.parameters.items()}
        tensors |= {f"optimizer/{name}": one for name, one in optimizer.items()}
        random = self._random_states_in(found, sizes)
        tensors |= {self._random(name): one for name, one in random.items()}
        metrics = torch.empty(sizes[METRICS], dtype=torch.uint8)
        checkpoints.load(found, {**tensors, METRICS: metrics})
        restore_optimizer(self.optimizer, stepped, optimizer)
        self._restore_random_states(random, found.step)
        if self.world.is_first:
            self.curve.resume(
                metrics.numpy().tobytes().strip(), found.step, found.progress["seconds"]
            )

    def seed(self, seed: int) -> None:
        """Begin this rank's own chance."""
        torch.manual_seed(seed * 65_537 + self.world.rank + 1)

    def _random(self, name: str) -> str:
        return f"random/{self.world.rank:05d}/{name}"

    def _random_states_in(self, found: Checkpoint, sizes: Mapping[str, torch.Size]) -> Tensors:
        """Room for this rank's random states; none where the number of ranks was another."""
        if found.progress["num_processes"] != self.world.size:
            return {}
        return {
            name: torch.empty(sizes[self._random(name)], dtype=torch.uint8)
            for name in _random_states(self.world.device)
        }

    def _restore_random_states(self, states: Tensors, step: int) -> None:
        if not states:
            # Other ranks than before: each begins anew, as a function of where it begins.
            self.seed(torch.initial_seed() + step)
            return
        torch.set_rng_state(states["cpu"])
        if self.world.device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], self.world.device)


def _random_states(device: torch.device) -> Tensors:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states
