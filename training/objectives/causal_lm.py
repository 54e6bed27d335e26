"""Next-token prediction on chats: the loss counts the answer's tokens only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy, dropout
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.dataset import Row
from training.hyperparameters import Hyperparameters

IGNORED = -100


class CausalLM:
    """Questions and answers in the tokenizer's chat template.

    Each example's loss is the mean over its answer's tokens, so that a long answer weighs no more
    than a short one.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        tokenizer: PreTrainedTokenizerFast,
        hyperparameters: Hyperparameters,
    ) -> None:
        self.weights = [row.weight for row in rows]
        self._settings = hyperparameters
        self._pad_token_id = int(tokenizer.pad_token_id)
        self._special = set(tokenizer.all_special_ids)
        self._examples = [self._encode(row, tokenizer) for row in rows]

    def _encode(self, row: Row, tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
        question = {"role": "user", "content": row.question}
        answer = {"role": "assistant", "content": row.answer}
        whole = str(tokenizer.apply_chat_template([question, answer], tokenize=False))
        start = str(
            tokenizer.apply_chat_template([question], tokenize=False, add_generation_prompt=True)
        )
        if not whole.startswith(start):
            raise ValueError("the chat template must only append the answer to its own prompt")
        prompt = tokenizer(start, add_special_tokens=False)["input_ids"]
        target = tokenizer(whole[len(start) :], add_special_tokens=False)["input_ids"]
        longest = self._settings.max_position_embeddings
        if len(prompt) + len(target) > longest:
            raise ValueError(
                f"record {row.record_id} has {len(prompt) + len(target)} tokens, more than "
                f"max_position_embeddings={longest}"
            )
        return prompt, target

    def batch(self, indices: Sequence[int], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """`input_ids` and `labels`, both (examples, tokens) int64, padded on the right."""
        examples = [self._examples[index] for index in indices]
        pairs = [(self._shorten(prompt, generator), target) for prompt, target in examples]
        length = max(len(prompt) + len(target) for prompt, target in pairs)
        input_ids = torch.full((len(pairs), length), self._pad_token_id)
        labels = torch.full((len(pairs), length), IGNORED)
        for row, (prompt, target) in enumerate(pairs):
            end = len(prompt) + len(target)
            input_ids[row, :end] = torch.tensor(prompt + target)
            labels[row, len(prompt) : end] = torch.tensor(target)
        return {"input_ids": input_ids, "labels": labels}

    def _shorten(self, prompt: list[int], generator: torch.Generator) -> list[int]:
        """Leave out some of the question's tokens, in all but a third of the examples."""
        share = self._settings.question_dropout
        chances = torch.rand(len(prompt) + 1, generator=generator).tolist()
        if share == 0 or chances[-1] < 1 / 3:
            return prompt
        return [
            token
            for token, chance in zip(prompt, chances, strict=False)
            if chance >= share or token in self._special
        ]

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean over examples of the mean cross-entropy over each one's answer tokens.

        Padding is on the right and attention is causal, so no token sees padding and no mask is
        needed. Only positions that count are projected to the vocabulary.
        """
        embedding: nn.Module = model.get_input_embeddings()
        inputs = dropout(embedding(batch["input_ids"]), self._settings.dropout, model.training)
        hidden = model.base_model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        labels = batch["labels"][:, 1:]
        counted = labels != IGNORED
        head: nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
        logits = head(hidden[:, :-1][counted]).float()
        losses = cross_entropy(
            logits,
            labels[counted],
            reduction="none",
            label_smoothing=self._settings.label_smoothing,
        )
        per_example = 1.0 / counted.sum(dim=1, keepdim=True).expand_as(counted)[counted]
        return (losses * per_example).sum() / labels.shape[0]
