"""The training loop: one for every objective."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from transformers import PreTrainedModel

from meguru.hyperparameters import Hyperparameters
from training.checkpoints import Checkpoints
from training.distributed import World
from training.loss_curve import LossCurve
from training.objectives import Batch, Objective
from training.objectives.sequences import log_probs
from training.optimizer import learning_rate, make_optimizer
from training.parts import Part, num_steps, share_out
from training.precision import autocast
from training.sampler import WeightedSampler
from training.schedule import CheckpointSchedule
from training.sharding import distribute, is_sharded
from training.state import TrainingState
from training.utilisation import Utilisation
from training.watchdog import SYNC_SECONDS, Watchdog, sync_stall


class Outcome(Enum):
    """How a run ended: all its steps made, or stopped after a checkpoint."""

    FINISHED = "finished"
    STOPPED = "stopped"


class _Loss(nn.Module):
    """The objective's loss as a module, so that what distributes the model sees its forward."""

    def __init__(self, model: PreTrainedModel, objective: Objective) -> None:
        super().__init__()
        self.model, self._objective = model, objective

    def forward(self, batch: Batch, is_scored: bool = False) -> torch.Tensor:
        if is_scored:
            return log_probs(self.model, batch)
        return self._objective.loss(self.model, batch)


class Trainer:
    """Trains `model` on `objective`; all its state is in checkpoints and comes back by `resume`.

    `identity` says which run this is (hyperparameters, dataset version): a checkpoint of another
    run is refused. The number of processes may change. `stop_requested` is asked after each step.
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
        if not settings.tokens_per_step and settings.batch_size % world.size:
            raise ValueError(
                f"hyperparameter batch_size={settings.batch_size} is not a multiple of the "
                f"job's {world.size} processes"
            )
        self.model = model.train()
        self.model.to(device=world.device)
        self.is_sharded = is_sharded(self.model, settings, world)
        loss = _Loss(self.model, objective)
        self.loss = distribute(loss, self.model, settings, world, sharded=self.is_sharded)
        # What is frozen is no part of the run's state: it comes from where it came from.
        named = self.model.named_parameters()
        self.parameters = {name: one for name, one in named if one.requires_grad}
        self.optimizer = make_optimizer(self.parameters.items(), settings)
        self.sampler = WeightedSampler(objective.weights, settings.seed)
        self.curve, self.utilisation = LossCurve(), Utilisation(world.device)
        self.schedule = CheckpointSchedule(settings.checkpoint_minutes, settings.checkpoint_steps)
        self.step, self.gradient_norm = 0, torch.zeros(())
        self.num_steps = settings.max_steps or num_steps(
            objective.weights, objective.num_tokens, settings
        )
        self.state = TrainingState(self.parameters, self.optimizer, self.curve, world)
        self.state.seed(settings.seed)

    def train(self) -> Outcome:
        """Make the steps that are left; stop early, after a checkpoint, where any rank is asked."""
        self.objective.prepare(self.score, self.world, self.checkpoints.folder)
        self.resume()
        with Watchdog(self.world.rank, self._stall_of_sync) as watchdog:
            outcome = self._train(watchdog)
            self.checkpoints.finish()
        return outcome

    def _train(self, watchdog: Watchdog) -> Outcome:
        num_tokens, first = 0.0, self.step + 1
        while self.step < self.num_steps:
            loss, tokens = self.training_step()
            self.step += 1
            watchdog.beat(self.step)
            if self.step == first and self.schedule.is_on:
                # Not before: the optimizer has no state until its first step.
                self.checkpoints.reserve(self.state.tensors())
            # One exchange agrees on the loss, on stopping and on saving, for all at the same step.
            mean_loss, mean_tokens, stop, due, writing = self.world.mean(
                [
                    loss,
                    tokens,
                    self.stop_requested(),
                    self._is_save_due(),
                    self.checkpoints.is_writing,
                ]
            )
            num_tokens += mean_tokens * self.world.size
            if self._is_due(self.settings.logging_steps):
                self.note(mean_loss, num_tokens)
                num_tokens = 0.0
            if stop and self.step < self.num_steps:
                self.save()
                return Outcome.STOPPED
            if due and not writing and self.step < self.num_steps:
                self.save()
        return Outcome.FINISHED

    def training_step(self) -> tuple[float, int]:
        """One optimizer step: this rank's loss and number of tokens."""
        total, num_tokens = 0.0, 0
        generator, parts = self._augmentation(), self._parts()
        for number, (indices, share) in enumerate(parts, start=1):
            batch = self.objective.batch(indices, generator)
            batch = {name: tensor.to(self.world.device) for name, tensor in batch.items()}
            with self._exchanges(is_last=number == len(parts)):
                with autocast(self.settings, self.world.device):
                    loss = self.loss(batch) * share
                loss.backward()
            total += loss.item()
            num_tokens += batch["input_ids"].numel()
        self.gradient_norm = nn.utils.clip_grad_norm_(
            self.parameters.values(), self.settings.max_grad_norm
        )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.num_steps, self.settings)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total, num_tokens

    def _exchanges(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Copies of a model exchange their gradients once a step, with the last part's."""
        if is_last or not isinstance(self.loss, DistributedDataParallel):
            return nullcontext()
        return self.loss.no_sync()

    @torch.no_grad()
    def score(self, batch: Batch) -> torch.Tensor:
        """What the model says of each sequence of `batch`, (sequences,); nothing is learnt."""
        self.loss.eval()
        batch = {name: tensor.to(self.world.device) for name, tensor in batch.items()}
        with autocast(self.settings, self.world.device):
            scores: torch.Tensor = self.loss(batch, is_scored=True)
        self.loss.train()
        return scores

    def _parts(self) -> list[Part]:
        """This rank's examples of the next step, in parts that are computed one after another."""
        settings, world = self.settings, self.world
        lengths, most = self.objective.num_tokens, settings.max_position_embeddings
        if settings.tokens_per_step:
            indices = self.sampler.next_tokens(settings.tokens_per_step, lengths)
        elif settings.packing:
            indices = self.sampler.next_batch(settings.batch_size, 0, 1)
        else:
            return [(self.sampler.next_batch(settings.batch_size, world.rank, world.size), 1.0)]
        packing = bool(settings.packing)
        return share_out(indices, lengths, world.rank, world.size, most, packing=packing)

    def note(self, loss: float, num_tokens: float) -> None:
        """Put the step that was just made on the loss curve; every rank takes part."""
        norm = self.gradient_norm
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        if self.world.is_first:
            measured = {
                "loss": loss,
                "learning_rate": learning_rate(self.step - 1, self.num_steps, self.settings),
                "gradient_norm": norm.item(),
                **self.utilisation.measure(),
            }
            self.curve.record(self.step, self.num_steps, num_tokens, measured)

    def save(self) -> None:
        """Begin a checkpoint of this step, which is written meanwhile; every rank takes part."""
        self.schedule.began()
        progress = {
            "sampler_position": self.sampler.position,
            "seconds": self.curve.seconds,
            "num_processes": self.world.size,
            "identity": self.identity,
        }
        self.checkpoints.begin(self.step, self.state.tensors(), progress)

    def resume(self) -> None:
        """Take up the newest complete checkpoint, if there is one."""
        found = self.checkpoints.newest()
        if found is None:
            return
        self._refuse_another_run(found.progress["identity"])
        self.state.load(self.checkpoints, found)
        self.step, self.sampler.position = found.step, found.progress["sampler_position"]

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

    def _is_save_due(self) -> bool:
        """The first rank's clock counts for all."""
        return self.world.is_first and self.schedule.is_due(
            self.step, self.checkpoints.write_seconds
        )

    def _stall_of_sync(self) -> str | None:
        limit = max(SYNC_SECONDS, 2 * 60 * self.settings.checkpoint_minutes)
        return sync_stall(self.checkpoints.folder, limit, time.time())
