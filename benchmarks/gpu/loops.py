"""The two loops, counted from the end of their warm-up."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks.counted import CountedSteps, train_alone
from benchmarks.gpu.subject import PARTS_PER_STEP, Subject, attention_of_peer

NUM_WARM_UP = 4


@dataclass
class Count:
    """The tokens of each step, and when those after the warm-up began and ended."""

    num_steps: int
    tokens: list[int] = field(default_factory=list)
    num_done: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0

    def step_done(self) -> None:
        self.num_done += 1
        if self.num_done not in (NUM_WARM_UP, self.num_steps):
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if self.num_done == NUM_WARM_UP:
            self.began_at = time.perf_counter()
        else:
            self.ended_at = time.perf_counter()

    @property
    def tokens_per_second(self) -> float:
        measured = self.tokens[NUM_WARM_UP : self.num_steps]
        return sum(measured) / (self.ended_at - self.began_at)


def ours(subject: Subject) -> Count:
    """The job's own loop, on one GPU."""
    count, (objective, _) = Count(subject.num_steps), subject.examples()
    train_alone(subject.model(), objective, subject.settings, count)
    return count


def has_peer() -> bool:
    return importlib.util.find_spec("trl") is not None


def peer(subject: Subject) -> Count:
    """TRL's SFTTrainer, packed, in bf16, with a fused AdamW: what its documentation advises."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    count, (objective, tokenizer) = Count(subject.num_steps), subject.examples()
    model, is_cuda = subject.model(), torch.cuda.is_available()
    if is_cuda:
        model.set_attn_implementation(attention_of_peer())
    examples = objective._examples
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(
                output_dir=folder,
                max_steps=subject.num_steps,
                per_device_train_batch_size=1,
                gradient_accumulation_steps=PARTS_PER_STEP,
                gradient_checkpointing=bool(subject.way.activation_checkpointing),
                torch_compile=bool(subject.way.compile),
                bf16=is_cuda,
                use_cpu=not is_cuda,
                packing=True,
                max_length=subject.way.part_tokens,
                optim="adamw_torch_fused",
                learning_rate=subject.settings.learning_rate,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=Dataset.from_dict(
                {
                    "input_ids": [one.prompt + one.target for one in examples],
                    "labels": [one.labels for one in examples],
                }
            ),
            processing_class=tokenizer,
            callbacks=[CountedSteps(count)],
        )
        collator = _Counted(trainer.data_collator)
        trainer.data_collator = collator
        trainer.train()
    parts = collator.tokens
    steps = range(0, len(parts), PARTS_PER_STEP)
    count.tokens = [sum(parts[start : start + PARTS_PER_STEP]) for start in steps]
    return count


class _Counted:
    """A collator that notes each part's tokens."""

    def __init__(self, collator: Callable[[Sequence[Any]], dict[str, Any]]) -> None:
        self._collator = collator
        self.tokens: list[int] = []

    def __call__(self, examples: Sequence[Any]) -> dict[str, Any]:
        self.tokens.append(sum(len(one["input_ids"]) for one in examples))
        return self._collator(examples)


LOOPS = {"ours": ours, "peer": peer}
