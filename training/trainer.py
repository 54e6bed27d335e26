"""The training loop: one for every objective."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Any

import safetensors.torch
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from transformers import PreTrainedModel

from meguru.hyperparameters import Hyperparameters
from training.checkpoints import Checkpoints
from training.distributed import World
from training.loss_curve import LossCurve
from training.objectives import Batch, Objective
from training.optimizer import (
    learning_rate,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
)
from training.sampler import WeightedSampler


class Outcome(Enum):
    """How a run ended: all its steps made, or stopped after a checkpoint."""

    FINISHED = "finished"
    STOPPED = "stopped"


class _Loss(nn.Module):
    """The objective's loss as a module, so that DistributedDataParallel sees its forward."""

    def __init__(self, model: PreTrainedModel, objective: Objective) -> None:
        super().__init__()
        self.model, self._objective = model, objective

    def forward(self, batch: Batch) -> torch.Tensor:
        return self._objective.loss(self.model, batch)


class Trainer:
    """Trains `model` on `objective`; all its state is in `state_files` and comes back by `resume`.

    `identity` says which run this is (hyperparameters, dataset version, number of processes): a
    checkpoint of another run is refused. `stop_requested` is asked after each step.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        objective: Objective,
        settings: Hyperparameters,
        world: World,
        checkpoints: Checkpoints,
        identity: dict[str, Any],
        stop_requested: Callable[[], bool],
    ) -> None:
        self.settings, self.world, self.objective = settings, world, objective
        self.checkpoints, self.identity, self.stop_requested = checkpoints, identity, stop_requested
        if settings.batch_size % world.size:
            raise ValueError(
                f"hyperparameter batch_size={settings.batch_size} is not a multiple of the "
                f"job's {world.size} processes"
            )
        self.model = model.train()
        self.model.to(device=world.device)
        # With find_unused_parameters DDP keeps its first grouping of gradients. Otherwise it groups
        # anew after the first step, sums in another order, and a resumed run is not bit-identical.
        self.loss = DistributedDataParallel(
            _Loss(self.model, objective), find_unused_parameters=True, broadcast_buffers=False
        )
        self.parameters = dict(self.model.named_parameters())
        self.optimizer = make_optimizer(self.parameters.items(), settings)
        self.sampler = WeightedSampler(objective.weights, settings.seed)
        self.curve = LossCurve()
        self.step = 0
        self.num_steps = settings.max_steps or max(
            1, settings.num_epochs * self.sampler.epoch_length // settings.batch_size
        )
        torch.manual_seed(settings.seed * 65_537 + world.rank + 1)

    def train(self) -> Outcome:
        """Make the steps that are left; stop early, after a checkpoint, where any rank is asked."""
        self.resume()
        num_tokens = 0.0
        while self.step < self.num_steps:
            loss, tokens = self.training_step()
            self.step += 1
            # One exchange agrees on the loss and on stopping: all ranks leave at the same step.
            mean_loss, mean_tokens, stop = self.world.mean([loss, tokens, self.stop_requested()])
            num_tokens += mean_tokens * self.world.size
            if self._is_due(self.settings.logging_steps):
                self.note(mean_loss, num_tokens)
                num_tokens = 0.0
            if stop and self.step < self.num_steps:
                self.save()
                return Outcome.STOPPED
            if self._is_due(self.settings.checkpoint_steps) and self.step < self.num_steps:
                self.save()
        return Outcome.FINISHED

    def training_step(self) -> tuple[float, int]:
        """One optimizer step: this rank's loss and number of tokens."""
        indices = self.sampler.next_batch(
            self.settings.batch_size, self.world.rank, self.world.size
        )
        batch = self.objective.batch(indices, self._augmentation())
        batch = {name: tensor.to(self.world.device) for name, tensor in batch.items()}
        with torch.autocast(
            self.world.device.type, torch.bfloat16, enabled=self.world.device.type == "cuda"
        ):
            loss = self.loss(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters.values(), self.settings.max_grad_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.num_steps, self.settings)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item(), batch["input_ids"].numel()

    def note(self, loss: float, num_tokens: float) -> None:
        if self.world.is_first:
            rate = learning_rate(self.step - 1, self.num_steps, self.settings)
            self.curve.record(self.step, loss, rate, num_tokens)

    def save(self) -> None:
        """Save a checkpoint of this step; every rank takes part."""
        self.checkpoints.save(self.step, self.state_files())
        if self.world.is_first:
            print(f"event=checkpoint step={self.step}", flush=True)

    def state_files(self) -> dict[str, bytes]:
        """This rank's part of the run's whole state: the first rank's holds what all share."""
        random = {"cpu": torch.get_rng_state()}
        if self.world.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.world.device)
        files = {f"random-{self.world.rank:05d}.safetensors": safetensors.torch.save(random)}
        if self.world.is_first:
            optimizer = optimizer_tensors(self.optimizer, self.parameters.items())
            progress = {
                "step": self.step,
                "sampler_position": self.sampler.position,
                "seconds": self.curve.seconds,
                "identity": self.identity,
            }
            files |= {
                "model.safetensors": safetensors.torch.save(self._weights()),
                "optimizer.safetensors": safetensors.torch.save(optimizer),
                "progress.json": json.dumps(progress, indent=1).encode(),
                "metrics.jsonl": self.curve.dump(),
            }
        return files

    def resume(self) -> None:
        """Take up the newest complete checkpoint, if there is one."""
        found = self.checkpoints.latest()
        if found is None:
            return
        step, files = found
        progress = json.loads(files["progress.json"])
        self._refuse_another_run(progress["identity"])
        weights = safetensors.torch.load(files["model.safetensors"])
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(weights[name])
        optimizer = safetensors.torch.load(files["optimizer.safetensors"])
        restore_optimizer(self.optimizer, self.parameters.items(), optimizer)
        random = safetensors.torch.load(files[f"random-{self.world.rank:05d}.safetensors"])
        torch.set_rng_state(random["cpu"])
        if self.world.device.type == "cuda":
            torch.cuda.set_rng_state(random["cuda"], self.world.device)
        self.step, self.sampler.position = step, progress["sampler_position"]
        if self.world.is_first:
            self.curve.resume(files["metrics.jsonl"], step, progress["seconds"])

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: one.detach().contiguous() for name, one in self.parameters.items()}

    def _refuse_another_run(self, identity: dict[str, Any]) -> None:
        for name, value in self.identity.items():
            if identity.get(name) != value:
                raise ValueError(
                    f"the checkpoints are of another run: {name} is {identity.get(name)!r} there "
                    f"and {value!r} here; give this job an empty checkpoint location"
                )

    def _augmentation(self) -> torch.Generator:
        """Chance that depends on seed, step and rank alone: it needs no place in a checkpoint."""
        seed = (self.settings.seed * 1_000_003 + self.step) * 4_099 + self.world.rank
        return torch.Generator().manual_seed(seed)

    def _is_due(self, every: int) -> bool:
        return self.step == self.num_steps or (every > 0 and self.step % every == 0)
