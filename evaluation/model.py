"""The model under evaluation: greedy answers and the loss of the right ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.chat import ChatEncoder
from meguru.dataset_version import Row
from meguru.model_archive import weight_files

IGNORED = -100


@dataclass(frozen=True)
class AnswerLoss:
    """Summed cross-entropy over `num_tokens` tokens of right answers."""

    total: float
    num_tokens: int

    @property
    def mean(self) -> float:
        return self.total / self.num_tokens

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.mean, 700.0))  # beyond that a float overflows


class ChatModel:
    """A causal language model with its chat template, on the GPU where there is one."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._encoder = ChatEncoder(tokenizer)
        self._context = int(model.config.max_position_embeddings)

    @classmethod
    def load(cls, folder: Path) -> ChatModel:
        """Load safetensors from `folder`; ValueError where weights are missing or damaged."""
        weight_files(folder)
        try:
            model = AutoModelForCausalLM.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype="auto",
            )
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        except SafetensorError as error:
            raise ValueError(f"the model's weights are damaged: {error}") from error
        if torch.cuda.is_available():
            nn.Module.to(model, "cuda")
        return cls(model.train(False), tokenizer)

    @torch.inference_mode()
    def answer(self, questions: Sequence[str], max_new_tokens: int) -> list[str]:
        """Greedy answers to a batch of questions: the same on every run."""
        prompts = [self._encoder.encode_prompt(_asked(question)) for question in questions]
        inputs = self._tokenizer.pad(
            {"input_ids": prompts}, padding_side="left", return_tensors="pt"
        ).to(self._model.device)
        length = inputs["input_ids"].shape[1]
        room = max(1, min(max_new_tokens, self._context - length))
        output = self._model.generate(**inputs, max_new_tokens=room, do_sample=False)  # type: ignore[operator]
        return list(self._tokenizer.batch_decode(output[:, length:], skip_special_tokens=True))

    @torch.inference_mode()
    def loss(self, rows: Sequence[Row]) -> AnswerLoss:
        """The loss of the right answers, given their questions."""
        pairs = []
        for row in rows:
            answer = {"role": "assistant", "content": row.answer}
            encoded = self._encoder.encode_conversation([*_asked(row.question), answer])
            pairs.append((encoded.prompt, encoded.answer))
        longest = max(len(prompt) + len(target) for prompt, target in pairs)
        input_ids = torch.zeros(len(pairs), longest, dtype=torch.long)
        labels = torch.full_like(input_ids, IGNORED)
        for index, (prompt, target) in enumerate(pairs):
            end = len(prompt) + len(target)
            input_ids[index, :end] = torch.tensor(prompt + target)
            labels[index, len(prompt) : end] = torch.tensor(target)
        # Padded on the right of a causal model: no token that counts sees padding.
        logits = self._model(input_ids=input_ids.to(self._model.device), use_cache=False).logits
        total = cross_entropy(
            logits[:, :-1].float().flatten(0, 1).cpu(),
            labels[:, 1:].flatten(),
            ignore_index=IGNORED,
            reduction="sum",
        )
        return AnswerLoss(float(total), int((labels != IGNORED).sum()))


def _asked(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]
