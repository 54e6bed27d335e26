"""LoRA: an adapter in a base model, the only thing trained; saved alone or merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import PreTrainedModel

from meguru.adapter import ADAPTER, BASE, BaseReference
from meguru.hyperparameters import Hyperparameters

ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class Adapter:
    """An adapter as peft has it, and the base model it belongs to.

    The layers are put into the model in place: it stays what it was to everyone else, and its
    parameters that require a gradient are the adapter's.
    """

    peft_model: PeftModel
    base: BaseReference

    @classmethod
    def add(cls, model: PreTrainedModel, base: BaseReference, settings: Hyperparameters) -> Adapter:
        """A new adapter, drawn from torch's default generator: at first it changes nothing."""
        targets = settings.lora_targets
        if targets != ALL_LINEAR:
            _check_targets(model, targets.split(","))
        config = LoraConfig(
            r=settings.lora_rank,
            lora_alpha=settings.lora_alpha,
            lora_dropout=settings.lora_dropout,
            target_modules=targets if targets == ALL_LINEAR else targets.split(","),
            task_type="CAUSAL_LM",
        )
        peft_model = get_peft_model(model, config)
        assert isinstance(peft_model, PeftModel)
        return cls(peft_model, base)

    @classmethod
    def load(
        cls, model: PreTrainedModel, base: BaseReference, folder: Path, settings: Hyperparameters
    ) -> Adapter:
        """The adapter in a trained model's `folder`, to be trained further; it keeps its rank."""
        adapter = PeftModel.from_pretrained(model, str(folder / ADAPTER), is_trainable=True)
        config = adapter.peft_config["default"]
        rank = config.r if isinstance(config, LoraConfig) else None
        if settings.method == "lora" and rank != settings.lora_rank:
            raise ValueError(
                f"hyperparameter lora_rank={settings.lora_rank}: the initial model's adapter has "
                f"{rank}, and a training that goes on from it keeps it"
            )
        return cls(adapter, base)

    def save(self, folder: Path, weights: dict[str, torch.Tensor] | None = None) -> None:
        """Write peft's files under `folder`/adapter and the base's name beside them.

        `weights` are the model's state dict where this process holds only a part of it.
        """
        for config in self.peft_model.peft_config.values():
            # Not where this machine keeps it: which one it is.
            config.base_model_name_or_path = f"{self.base.name}@{self.base.revision}"
        whole = weights and {f"base_model.model.{name}": one for name, one in weights.items()}
        self.peft_model.save_pretrained(
            str(folder / ADAPTER), save_embedding_layers=False, state_dict=whole
        )
        (folder / ADAPTER / "README.md").unlink(missing_ok=True)  # a form to be filled in
        (folder / BASE).write_bytes(self.base.to_json())

    def merge(self) -> PreTrainedModel:
        """The base model with the adapter in its weights; ValueError where they aren't finite."""
        merged = self.peft_model.merge_and_unload(safe_merge=True)
        assert isinstance(merged, PreTrainedModel)
        return merged


def _check_targets(model: PreTrainedModel, targets: Sequence[str]) -> None:
    """peft would pass over a name that no module has, as long as another one is there.

    One matrix in two places can't have an adapter in one of them: merging would change both.
    """
    paths = [path for path, one in model.named_modules() if isinstance(one, nn.Linear)]
    is_tied = getattr(model.config, "tie_word_embeddings", False)
    for name in targets:
        if not any(f".{path}".endswith(f".{name}") for path in paths):
            known = sorted({path.rpartition(".")[2] for path in paths})
            raise ValueError(
                f"hyperparameter lora_targets: the model has no {name}; it has {', '.join(known)}"
            )
        if is_tied and name == "lm_head":
            raise ValueError(
                f"hyperparameter lora_targets: {name} shares its weights with the embeddings in "
                "this base model; leave it out"
            )
