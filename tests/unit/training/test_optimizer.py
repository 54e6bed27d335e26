"""The optimizer's state comes back, and the schedule is a function of the step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from meguru.hyperparameters import Hyperparameters
from training.optimizer import (
    learning_rate,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
)

SETTINGS = Hyperparameters(learning_rate=1.0, warmup_ratio=0.1, min_learning_rate_ratio=0.1)


def test_schedule_warms_up_then_falls_to_the_least_rate() -> None:
    rates = [learning_rate(step, 100, SETTINGS) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == rates[9] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0.1)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: torch.Tensor) -> None:
    model(inputs).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_restored_optimizer_goes_on_as_if_never_stopped() -> None:
    inputs = torch.arange(6.0).reshape(2, 3)
    model, copy = nn.Linear(3, 2), nn.Linear(3, 2)
    optimizer = make_optimizer(model.named_parameters(), SETTINGS)
    step(model, optimizer, inputs)

    copy.load_state_dict(model.state_dict())
    other = make_optimizer(copy.named_parameters(), SETTINGS)
    tensors = optimizer_tensors(optimizer, model.named_parameters())
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    restore_optimizer(other, copy.named_parameters(), tensors)
    step(model, optimizer, inputs)
    step(copy, other, inputs)

    assert torch.equal(model.weight, copy.weight)
    assert torch.equal(model.bias, copy.bias)


def test_missing_state_is_not_passed_over() -> None:
    model = nn.Linear(3, 2)
    optimizer = make_optimizer(model.named_parameters(), SETTINGS)
    with pytest.raises(KeyError, match="exp_avg/weight"):
        restore_optimizer(optimizer, model.named_parameters(), {})


def test_only_matrices_decay() -> None:
    matrices, vectors = make_optimizer(nn.Linear(3, 2).named_parameters(), SETTINGS).param_groups
    assert matrices["weight_decay"] > 0 == vectors["weight_decay"]
