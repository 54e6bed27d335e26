"""TRL's SFTTrainer, counted: as it is by default, and as its documentation says is fastest.

Of what that names, a CPU has: activations kept, in fp32 or in autocast bf16, and sequences padded
in small batches, packed (`packing`), or of like lengths (`train_sampling_strategy`). Its other
settings need a GPU.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from datasets import Dataset
from peft import LoraConfig
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from benchmarks.counted import CountedSteps
from benchmarks.sft.subject import MAX_TOKENS, Count, Subject

KEPT = {"gradient_checkpointing": False, "optim": "adamw_torch_fused"}
SMALL_BATCH = 8  # its default


def train(subject: Subject, count: Count, kind: str) -> None:
    """Train by TRL. `kind` is defaults, packed, grouped or padded; with -bf16, autocast."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=subject.model,
            args=SFTConfig(
                output_dir=folder,
                max_steps=subject.settings.max_steps,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
                **(_settings(subject, kind)),
            ),
            train_dataset=_dataset(subject),
            processing_class=subject.tokenizer,
            peft_config=_adapter(subject) if subject.settings.method == "lora" else None,
            callbacks=[CountedSteps(count)],
        )
        trainer.data_collator = _Counted(trainer.data_collator, count)
        trainer.train()


def _settings(subject: Subject, kind: str) -> dict[str, Any]:
    """What makes it fast; and what is learnt, as our loop learns it."""
    if kind == "defaults":
        return {}
    ours = subject.settings
    kind, _, autocast = kind.partition("-")
    learning = {
        "bf16": autocast == "bf16",
        "learning_rate": ours.learning_rate,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": ours.min_learning_rate_ratio},
        "warmup_steps": max(1, round(ours.warmup_ratio * ours.max_steps)),
        "weight_decay": ours.weight_decay,
        "adam_beta2": ours.adam_beta2,
        "max_grad_norm": ours.max_grad_norm,
    }
    if kind == "packed":
        batch = ours.tokens_per_step // MAX_TOKENS
        packing = {"packing": True, "max_length": MAX_TOKENS, "per_device_train_batch_size": batch}
        return {**KEPT, **learning, **packing}
    if kind == "padded":
        small = {"max_length": MAX_TOKENS, "per_device_train_batch_size": SMALL_BATCH}
        return {**KEPT, **learning, **small}
    lengths = subject.objective.num_tokens
    batch = round(ours.tokens_per_step / (sum(lengths) / len(lengths)))
    grouping = {"train_sampling_strategy": "group_by_length", "max_length": MAX_TOKENS}
    return {**KEPT, **learning, **grouping, "per_device_train_batch_size": batch}


def _adapter(subject: Subject) -> LoraConfig:
    ours = subject.settings
    return LoraConfig(
        r=ours.lora_rank,
        lora_alpha=ours.lora_alpha,
        lora_dropout=ours.lora_dropout,
        target_modules=ours.lora_targets,
        task_type="CAUSAL_LM",
    )


def _dataset(subject: Subject) -> Dataset:
    examples = subject.objective._examples
    return Dataset.from_dict(
        {
            "input_ids": [one.prompt + one.target for one in examples],
            "labels": [one.labels for one in examples],
        }
    )


class _Counted:
    """A collator that notes each batch's tokens."""

    def __init__(self, collator: Callable[..., Any], count: Count) -> None:
        self._collator, self._count = collator, count

    def __call__(self, examples: Sequence[Any]) -> Any:
        self._count.tokens.append(sum(len(one["input_ids"]) for one in examples))
        return self._collator(examples)
