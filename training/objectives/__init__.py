"""Objectives: what a batch is and what its loss is. The loop around them is one for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from meguru.dataset_version import Row
from meguru.hyperparameters import Hyperparameters
from meguru.limits import SetAside
from training.distributed import World
from training.objectives.causal_lm import CausalLM
from training.objectives.preference import DPO, KTO
from training.objectives.sequences import Batch

__all__ = ["Batch", "Objective", "make_objective"]


class Objective(Protocol):
    """A plug-in of the training loop."""

    @property
    def weights(self) -> Sequence[int]:
        """How often each example comes in an epoch."""
        ...

    @property
    def num_tokens(self) -> Sequence[int]:
        """How many tokens each example has."""
        ...

    @property
    def set_aside(self) -> Sequence[SetAside]:
        """What no example was made of, each by its name."""
        ...

    @property
    def num_contexts_cut(self) -> int:
        """How many examples lost their oldest turns to the model's context."""
        ...

    def prepare(self, score: Callable[[Batch], torch.Tensor], world: World, folder: Path) -> None:
        """What is computed once, on every rank, before anything is learnt.

        `score` gives the log-probability of each sequence of a batch. What is written to
        `folder`, the checkpoints', is there when the run is resumed.
        """
        ...

    def batch(self, indices: Sequence[int], generator: torch.Generator) -> Batch:
        """The examples at `indices` as tensors; `generator` is the only source of chance."""
        ...

    def loss(self, model: PreTrainedModel, batch: Batch) -> torch.Tensor:
        """The mean loss of the batch's examples, a scalar."""
        ...


def make_objective(
    rows: Sequence[Row], tokenizer: PreTrainedTokenizerFast, hyperparameters: Hyperparameters
) -> Objective:
    """The objective that the hyperparameters name."""
    kinds: dict[str, type[CausalLM | DPO | KTO]] = {"causal_lm": CausalLM, "dpo": DPO, "kto": KTO}
    return kinds[hyperparameters.objective](rows, tokenizer, hyperparameters)
