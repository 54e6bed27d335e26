"""Next-token prediction on chats: the loss counts the tokens of answers only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from meguru.dataset_version import Row
from meguru.example import IGNORED, Example, encode_row
from meguru.hyperparameters import Hyperparameters
from training.distributed import World
from training.objectives.examples import Examples
from training.objectives.rows import why_none
from training.objectives.sequences import Batch, TokensAndLabels, answer_logits

__all__ = ["IGNORED", "CausalLM"]


class CausalLM(Examples):
    """Questions and answers, after the turns before them, in the tokenizer's chat template.

    Each example's loss is the mean over its answers' tokens, so that a long answer weighs no more
    than a short one. An answer that a person found bad is none to learn.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        tokenizer: PreTrainedTokenizerFast,
        hyperparameters: Hyperparameters,
    ) -> None:
        super().__init__(tokenizer, hyperparameters)
        encoded = (self._encode(row) for row in rows if row.rating >= 0)
        self._examples = [example for example in encoded if example]
        if not self._examples and not self.set_aside:
            raise ValueError("no record of the dataset has an answer that was not found bad")
        if not self._examples:
            raise ValueError(why_none(self.set_aside, hyperparameters.max_position_embeddings))
        self.weights = [example.row.weight for example in self._examples]
        self.num_tokens = [example.num_tokens for example in self._examples]

    def prepare(self, score: Callable[[Batch], torch.Tensor], world: World, folder: Path) -> None:
        """Nothing: the loss asks no other model."""

    def batch(self, indices: Sequence[int], generator: torch.Generator) -> Batch:
        """The examples at `indices` as `collate` makes them."""
        examples = self._choose(indices, generator)
        sequences = [self._shorten(one, generator) for one in examples]
        return self._collate(sequences)

    def _choose(self, indices: Sequence[int], generator: torch.Generator) -> list[Example]:
        """The examples, in some batches with a context before each question.

        All of a batch or none of it: one long example would make the others as long by padding.
        """
        if torch.rand((), generator=generator) >= self._settings.context_ratio:
            return [self._examples[index] for index in indices]
        return [self._with_context(index, generator) for index in indices]

    def _with_context(self, index: int, generator: torch.Generator) -> Example:
        """Another example as the system message or as an earlier turn: neither is the question."""
        draw = torch.randint(2 * len(self._examples), (), generator=generator)
        example = self._examples[index]
        if example.row.context:
            return example
        other, is_system = self._examples[int(draw) // 2].row, int(draw) % 2
        earlier = (
            {"role": "user", "content": other.question},
            {"role": "assistant", "content": other.answer},
        )
        system = ({"role": "system", "content": other.question},)
        row = example.row.after(system if is_system else earlier)
        longer = encode_row(self._encoder, row, self._settings.max_position_embeddings)
        return longer if isinstance(longer, Example) else example

    def _shorten(self, example: Example, generator: torch.Generator) -> TokensAndLabels:
        """Tokens and labels, without some of the question's in all but a third of the examples."""
        tokens, labels = example.prompt + example.target, example.labels
        share = self._settings.question_dropout
        chances = torch.rand(len(example.prompt) + 1, generator=generator).tolist()
        if share == 0 or chances[-1] < 1 / 3:
            return tokens, labels
        kept = [
            index
            for index, (token, label) in enumerate(zip(tokens, labels, strict=True))
            if label != IGNORED or chances[index] >= share or token in self._encoder.control_ids
        ]
        return [tokens[index] for index in kept], [labels[index] for index in kept]

    def loss(self, model: PreTrainedModel, batch: Batch) -> torch.Tensor:
        """Mean over examples of the mean cross-entropy over the tokens each one has to learn."""
        logits, labels, sequence = answer_logits(model, batch, self._settings.dropout)
        losses = cross_entropy(
            logits, labels, reduction="none", label_smoothing=self._settings.label_smoothing
        )
        per_example = 1.0 / batch["num_counted"]
        return (losses * per_example[sequence]).sum() / len(per_example)
