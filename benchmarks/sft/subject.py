"""What is trained: the model, the examples, and how a run is counted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from benchmarks.sft.examples import make_rows
from meguru.adapter import BaseReference
from meguru.dataset_version import Row
from meguru.hyperparameters import Hyperparameters
from training.adapter import Adapter
from training.model import make_model
from training.objectives.causal_lm import CausalLM
from training.objectives.sequences import collate, log_probs
from training.tokenizer import train_tokenizer

# One, and its processor time is what counts: others on the machine take little from a ratio.
NUM_THREADS = 1
# Steps that make things ready: memory is asked for, kernels are chosen.
NUM_WARM_UP = 2
NUM_HELD_OUT = 24
MAX_TOKENS = 512
# What the two runs share; neither augments nor saves.
RUN = {
    # As TRL by default: on a processor that multiplies in bf16 (AVX-512 BF16) it is quicker.
    "precision": "bf16",
    "dropout": "0",
    "question_dropout": "0",
    "context_ratio": "0",
    "checkpoint_minutes": "0",
    "max_position_embeddings": str(MAX_TOKENS),
    "num_threads": str(NUM_THREADS),
    "packing": "1",
    "tokens_per_step": "2048",
    "logging_steps": "10",
}
SMALL = {
    **RUN,
    "vocab_size": "8000",
    "hidden_size": "384",
    "intermediate_size": "1024",
    "num_hidden_layers": "8",
    "num_attention_heads": "6",
    "learning_rate": "0.001",
}
LORA = {
    **RUN,
    "method": "lora",
    "lora_rank": "16",
    "lora_alpha": "32",
    "learning_rate": "0.0005",
    "tokens_per_step": "512",
}


@dataclass(frozen=True)
class Subject:
    """A model with its tokenizer and settings; with `adapter`, this alone is trained."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    settings: Hyperparameters
    objective: CausalLM
    held_out: CausalLM

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Mean cross-entropy of an answer's token, of examples that nothing was trained on."""
        model = self.model.train(False)
        total, counted = 0.0, 0
        for example in self.held_out._examples:
            tokens = [(example.prompt + example.target, example.labels)]
            batch = collate(tokens, 0, packing=self.settings.packing == 1)
            total -= float(log_probs(model, batch).sum())
            counted += int(batch["num_counted"].sum())
        return total / counted


def small_model(num_rows: int, max_steps: int) -> Subject:
    """20M parameters, drawn at random; the tokenizer is learnt from the examples."""
    settings = Hyperparameters.parse({**SMALL, "max_steps": str(max_steps)})
    rows, held_out = _rows(num_rows)
    texts = [text for one in rows for text in (one.question, one.answer)]
    tokenizer = train_tokenizer(texts, settings.vocab_size)
    torch.manual_seed(0)
    return _subject(make_model(tokenizer, settings), tokenizer, settings, rows, held_out)


def base_model(folder: Path, num_rows: int, max_steps: int) -> Subject:
    """A base model in `folder`, in fp32, as TRL keeps it; an adapter is to be added."""
    settings = Hyperparameters.parse({**LORA, "max_steps": str(max_steps)})
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    return _subject(model, tokenizer, settings, *_rows(num_rows))


def add_adapter(subject: Subject) -> None:
    torch.manual_seed(0)
    Adapter.add(subject.model, BaseReference("base", "0" * 16, "0" * 64), subject.settings)


def _rows(number: int) -> tuple[list[Row], list[Row]]:
    rows = make_rows(number + NUM_HELD_OUT)
    return rows[NUM_HELD_OUT:], rows[:NUM_HELD_OUT]


def _subject(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    settings: Hyperparameters,
    rows: list[Row],
    held_out: list[Row],
) -> Subject:
    objective = CausalLM(rows, tokenizer, settings)
    return Subject(model, tokenizer, settings, objective, CausalLM(held_out, tokenizer, settings))


@dataclass
class Count:
    """The processor time at each step's end, and how many tokens it had, padding not counted."""

    moments: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def step_done(self) -> None:
        self.moments.append(time.process_time())

    @property
    def tokens_per_second(self) -> float:
        """Of the steps after the warm-up. A loader may have read batches for steps to come."""
        first, last = NUM_WARM_UP, len(self.moments)
        seconds = self.moments[last - 1] - self.moments[first - 1]
        return sum(self.tokens[first:last]) / seconds

    @property
    def num_tokens(self) -> int:
        return sum(self.tokens[: len(self.moments)])
