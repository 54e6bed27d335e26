"""The model under evaluation: greedy answers and the loss of the right ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peft import PeftModel
from safetensors import SafetensorError
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.accelerator import computing_dtype
from meguru.adapter import ADAPTER, BaseReference
from meguru.chat import ChatEncoder
from meguru.dataset_version import Row
from meguru.example import IGNORED, Example, encode_row
from meguru.limits import SetAside
from meguru.model_archive import weight_files
from meguru.prompt import Prompt
from meguru.prompt_bound import PromptBound
from meguru.prompt_fit import check_fit
from meguru.prompt_template import chat_template


@dataclass(frozen=True)
class AnswerLoss:
    """Summed cross-entropy over the `num_tokens` tokens of a right answer."""

    total: float
    num_tokens: int

    @property
    def mean(self) -> float:
        return self.total / self.num_tokens


class ChatModel:
    """A causal language model with its chat template, on the GPU where there is one.

    With a `prompt`, it is asked as it would be where that serves.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        prompt: Prompt | None = None,
    ) -> None:
        self._model, self._tokenizer, self._prompt = model, tokenizer, prompt
        self._encoder = ChatEncoder(tokenizer, prompt)
        own = model.generation_config and model.generation_config.eos_token_id
        ends = (
            own if isinstance(own, list) else [own if own is not None else tokenizer.eos_token_id]
        )
        self._end_ids = sorted(self._encoder.end_ids.union(ends))
        self._context = int(model.config.max_position_embeddings)
        self.num_prompt_tokens = check_fit(prompt, self._encoder, self._context) if prompt else 0
        own_template = ChatEncoder(tokenizer)
        self.template_tokens = PromptBound.of_template(
            lambda messages: len(own_template.encode_prompt(messages))
        )

    @classmethod
    def load(
        cls, folder: Path, base: Path | None = None, prompt: Prompt | None = None
    ) -> ChatModel:
        """Load safetensors from `folder`; ValueError where weights are missing or damaged.

        Where they are an adapter's, its base model is in folder `base`.
        """
        weight_files(folder)
        reference = BaseReference.read(folder)
        try:
            model = read_model(folder if reference is None else reference.check(base))
            if reference is not None:
                # As serving does: what was judged is what serves.
                model = PeftModel.from_pretrained(model, str(folder / ADAPTER)).merge_and_unload()
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        except SafetensorError as error:
            raise ValueError(f"the model's weights are damaged: {error}") from error
        if torch.cuda.is_available():
            nn.Module.to(model, "cuda")
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token  # a base model's may have none of its own
        return cls(model.train(False), tokenizer, prompt)

    @property
    def chat_template(self) -> str:
        """The model's template with the prompt, for engines that read it from a file."""
        own = str(self._tokenizer.get_chat_template())
        if self._prompt is None:
            return own
        return chat_template(own, self._prompt, takes_system=self._encoder.takes_system)

    def encode(self, row: Row) -> Example | SetAside:
        """A row with as many of the turns before its question as the model has room for.

        What is asked of it is its last answer. A row that is none for the model is named.
        """
        return encode_row(self._encoder, replace(row, train_turns="last"), self._context)

    @torch.inference_mode()
    def answer(self, examples: Sequence[Example], max_new_tokens: int) -> list[str]:
        """Greedy answers to a batch of questions, the same on every run.

        In whatever batch, too, but for weights in bf16 on a GPU: there another may round otherwise.

        An answer ends where the context does, or after `max_new_tokens` and as many as the right
        one has.
        """
        inputs = self._tokenizer.pad(
            {"input_ids": [one.prompt for one in examples]},
            padding_side="left",
            return_tensors="pt",
        ).to(self._model.device)
        rooms = [
            min(max(max_new_tokens, len(one.target)), self._context - len(one.prompt))
            for one in examples
        ]
        output = self._model.generate(  # type: ignore[operator]
            **inputs, max_new_tokens=max(rooms), do_sample=False, eos_token_id=self._end_ids
        )
        answers = output[:, inputs["input_ids"].shape[1] :]
        return [
            str(self._tokenizer.decode(answer[:room], skip_special_tokens=True))
            for answer, room in zip(answers, rooms, strict=True)
        ]

    @torch.inference_mode()
    def losses(self, examples: Sequence[Example]) -> list[AnswerLoss]:
        """The loss of each right answer, given its question."""
        longest = max(one.num_tokens for one in examples)
        input_ids = torch.zeros(len(examples), longest, dtype=torch.long)
        labels = torch.full_like(input_ids, IGNORED)
        for index, one in enumerate(examples):
            input_ids[index, : one.num_tokens] = torch.tensor(one.prompt + one.target)
            labels[index, len(one.prompt) : one.num_tokens] = torch.tensor(one.target)
        # Padded on the right of a causal model: no token that counts sees padding.
        logits = self._model(input_ids=input_ids.to(self._model.device), use_cache=False).logits
        each = cross_entropy(
            logits[:, :-1].float().flatten(0, 1).cpu(),
            labels[:, 1:].flatten(),
            ignore_index=IGNORED,
            reduction="none",
        ).view(len(examples), -1)
        counts = (labels[:, 1:] != IGNORED).sum(dim=1)
        return [
            AnswerLoss(float(total), int(count))
            for total, count in zip(each.sum(dim=1), counts, strict=True)
        ]


def read_model(folder: Path) -> PreTrainedModel:
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=computing_dtype(torch.cuda.is_available()),
    )
    return model
