"""AdamW, its learning rate, and its state as tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from meguru.hyperparameters import Hyperparameters

STATES = ("exp_avg", "exp_avg_sq", "step")


def make_optimizer(
    parameters: Iterable[tuple[str, nn.Parameter]], settings: Hyperparameters
) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only (norms and biases keep their size)."""
    named = [(name, one) for name, one in parameters if one.requires_grad]
    matrices = [one for _, one in named if one.dim() >= 2]
    vectors = [one for _, one in named if one.dim() < 2]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=(0.9, settings.adam_beta2),
        fused=True,
    )


def learning_rate(step: int, num_steps: int, settings: Hyperparameters) -> float:
    """Linear warm-up, then half a cosine down to the least rate, for the step about to be made.

    A pure function of the step: the schedule has no state that a checkpoint could lose.
    """
    num_warmup_steps = max(1, round(settings.warmup_ratio * num_steps))
    if step < num_warmup_steps:
        return settings.learning_rate * (step + 1) / num_warmup_steps
    progress = (step - num_warmup_steps) / max(1, num_steps - num_warmup_steps)
    least = settings.min_learning_rate_ratio
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return settings.learning_rate * (least + (1 - least) * cosine)


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Iterable[tuple[str, nn.Parameter]]
) -> dict[str, torch.Tensor]:
    """The optimizer's state as `<state>/<parameter's name>` tensors."""
    return {
        f"{kind}/{name}": optimizer.state[one][kind].contiguous()
        for name, one in parameters
        if one in optimizer.state
        for kind in STATES
    }


def empty_optimizer_tensors(
    parameters: Iterable[tuple[str, nn.Parameter]],
) -> dict[str, torch.Tensor]:
    """Room for what `optimizer_tensors` takes out, before there was a step."""
    return {
        f"{kind}/{name}": torch.zeros((), device=one.device)
        if kind == "step"
        else torch.zeros_like(one, requires_grad=False)
        for name, one in parameters
        if one.requires_grad
        for kind in STATES
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Iterable[tuple[str, nn.Parameter]],
    tensors: dict[str, torch.Tensor],
) -> None:
    """Make `tensors`, named by `optimizer_tensors`, the state. KeyError where one is missing."""
    for name, one in parameters:
        if one.requires_grad:
            optimizer.state[one] = {kind: tensors[f"{kind}/{name}"] for kind in STATES}
