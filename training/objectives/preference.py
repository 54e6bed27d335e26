"""Learning from what people prefer: DPO from pairs of answers, KTO from lone votes.

Both compare the model with the one that training starts from: the reference. Its log-probabilities
don't change, so they are computed once, before the first step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import logsigmoid
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from meguru.dataset_version import Row
from meguru.hyperparameters import Hyperparameters
from training.distributed import World
from training.objectives.examples import Examples
from training.objectives.reference import reference_log_probs
from training.objectives.sequences import (
    IGNORED,
    Batch,
    TokensAndLabels,
    log_probs,
)


def answered(prompt: list[int], answer: list[int]) -> TokensAndLabels:
    return prompt + answer, [IGNORED] * len(prompt) + answer


@dataclass(frozen=True)
class Compared:
    """Two sequences that are computed together, and what a person said of the first (KTO)."""

    row: Row
    sequences: tuple[TokensAndLabels, TokensAndLabels]
    rating: int = 0

    @property
    def num_tokens(self) -> int:
        return sum(len(tokens) for tokens, _ in self.sequences)


class _Preference(Examples, ABC):
    """What DPO and KTO share: two sequences for each example, and the reference's opinion."""

    def __init__(
        self,
        rows: Sequence[Row],
        tokenizer: PreTrainedTokenizerFast,
        hyperparameters: Hyperparameters,
    ) -> None:
        super().__init__(tokenizer, hyperparameters)
        self._examples = self._compare(rows)
        self.weights = [one.row.weight for one in self._examples]
        self.num_tokens = [one.num_tokens for one in self._examples]
        self._reference: torch.Tensor | None = None
        self._world: World | None = None

    @abstractmethod
    def _compare(self, rows: Sequence[Row]) -> list[Compared]:
        """The examples; ValueError where the rows have none."""

    @abstractmethod
    def _losses(self, ratios: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Each example's loss, of log(model / reference) of its sequences: (examples, 2)."""

    def prepare(self, score: Callable[[Batch], torch.Tensor], world: World, folder: Path) -> None:
        """Ask the reference, which scores now; `folder` keeps its answers for a resumed run."""
        self._world = world
        sequences = [sequence for one in self._examples for sequence in one.sequences]

        def score_all(indices: Sequence[int]) -> list[float]:
            chosen = [sequences[index] for index in indices]
            values: list[float] = score(self._collate(chosen)).tolist()
            return values

        values = reference_log_probs(sequences, score_all, self._settings, world, folder)
        self._reference = torch.tensor(values).reshape(-1, 2)

    def batch(self, indices: Sequence[int], generator: torch.Generator) -> Batch:
        """The examples at `indices`; `reference` (examples, 2) and `rating` (examples,) of them."""
        assert self._reference is not None, "prepare comes first"
        examples = [self._examples[index] for index in indices]
        sequences = [sequence for one in examples for sequence in one.sequences]
        return {
            **self._collate(sequences),
            "reference": self._reference[list(indices)],
            "rating": torch.tensor([one.rating for one in examples]),
        }

    def loss(self, model: PreTrainedModel, batch: Batch) -> torch.Tensor:
        """Mean over examples."""
        policy = log_probs(model, batch, self._settings.dropout).reshape(-1, 2)
        return self._losses(policy - batch["reference"], batch).mean()


class DPO(_Preference):
    """Direct preference optimisation: rows with a `rejected` answer beside the right one.

    Rafailov et al. 2023, "Direct Preference Optimization", equation 7; with `label_smoothing` its
    conservative form, which allows for that share of votes to be wrong.
    """

    def _compare(self, rows: Sequence[Row]) -> list[Compared]:
        found = [pair for row in rows if row.rejected and (pair := self._pair(row))]
        if not found:
            raise ValueError(
                "objective dpo learns from pairs of answers, and the dataset's split 'train' has "
                "no row with a rejected answer that fits: give it corrected answers or pairs"
            )
        return found

    def _pair(self, row: Row) -> Compared | None:
        right, wrong = self._encode(row), self._encode(row.with_answer(row.rejected))
        if right is None or wrong is None:
            return None
        # The longer answer may have cost more of the context: both answer the same question.
        prompt = min(right.prompt, wrong.prompt, key=len)
        return Compared(row, (answered(prompt, right.target), answered(prompt, wrong.target)))

    def _losses(self, ratios: torch.Tensor, batch: Batch) -> torch.Tensor:
        return dpo_losses(ratios, self._settings.beta, self._settings.label_smoothing)


class KTO(_Preference):
    """Kahneman-Tversky optimisation: rows with a `rating`, each answer good or bad by itself.

    Ethayarajh et al. 2024, "KTO: Model Alignment as Prospect Theoretic Optimization", equation 7.
    How far the model has moved from the reference is estimated, as there, on questions with
    another's answer, over the examples that all processes compute together.
    """

    def _compare(self, rows: Sequence[Row]) -> list[Compared]:
        encoded = [one for row in rows if row.rating and (one := self._encode(row))]
        if len(encoded) < 2:
            raise ValueError(
                "objective kto learns from votes, and the dataset's split 'train' has fewer than "
                "two rows with a rating that fit: collect votes first"
            )
        others = [*encoded[1:], encoded[0]]
        return [
            Compared(
                one.row,
                (answered(one.prompt, one.target), answered(one.prompt, other.target)),
                one.row.rating,
            )
            for one, other in zip(encoded, others, strict=True)
        ]

    def _losses(self, ratios: torch.Tensor, batch: Batch) -> torch.Tensor:
        assert self._world is not None, "prepare comes first"
        total, number = self._world.mean([ratios[:, 1].sum().item(), len(ratios)])
        moved = ratios.new_tensor(max(0.0, total / number))
        return kto_losses(ratios[:, 0], moved, batch["rating"] > 0, self._settings.beta)


def dpo_losses(ratios: torch.Tensor, beta: float, label_smoothing: float = 0.0) -> torch.Tensor:
    """Of log(model / reference) of the right and of the wrong answer: (pairs, 2) to (pairs,)."""
    margins = beta * (ratios[:, 0] - ratios[:, 1])
    return -(1 - label_smoothing) * logsigmoid(margins) - label_smoothing * logsigmoid(-margins)


def kto_losses(
    ratios: torch.Tensor, moved: torch.Tensor, is_good: torch.Tensor, beta: float
) -> torch.Tensor:
    """Of log(model / reference) of each answer, (answers,); `moved` is the divergence, a scalar."""
    gains = torch.where(is_good, ratios - moved, moved - ratios)
    return 1 - torch.sigmoid(beta * gains)
