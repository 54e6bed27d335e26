"""The model: made from the hyperparameters, or taken from an earlier model's folder."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Collection
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.hyperparameters import CONTEXT, SHAPE, Hyperparameters
from meguru.model_archive import open_model, weight_files


def make_model(tokenizer: PreTrainedTokenizerFast, settings: Hyperparameters) -> PreTrainedModel:
    """A Llama of the given sizes with random weights drawn from torch's default generator."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.num_hidden_layers,
        num_attention_heads=settings.num_attention_heads,
        num_key_value_heads=settings.num_attention_heads,
        max_position_embeddings=settings.max_position_embeddings,
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)  # type: ignore[no-untyped-call]


def load_initial_model(
    folder: Path, wanted: Collection[str], settings: Hyperparameters
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The model and tokenizer in `folder` (or in its model.tar.gz); safetensors only.

    Of the hyperparameters in `wanted` the model's shape must be its own already, and its context
    may grow; ValueError names what contradicts.
    """
    # A place of its own for each process: they unpack at the same time.
    with tempfile.TemporaryDirectory() as scratch:
        return _load(open_model(folder, Path(scratch)), wanted, settings)


def _load(
    folder: Path, wanted: Collection[str], settings: Hyperparameters
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    weight_files(folder)
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    _refuse_another_shape(config, wanted, settings)
    if CONTEXT in wanted:
        _lengthen_context(config, settings.max_position_embeddings)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
    )
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    return model, tokenizer


def with_shape_of(model: PreTrainedModel, settings: Hyperparameters) -> Hyperparameters:
    """The settings as they are in truth: an initial model brings its own shape and context."""
    own = {name: getattr(model.config, name, None) for name in (*SHAPE, CONTEXT)}
    known = {name: value for name, value in own.items() if value is not None}
    return dataclasses.replace(settings, **known)


def _refuse_another_shape(
    config: PreTrainedConfig, wanted: Collection[str], settings: Hyperparameters
) -> None:
    for name in SHAPE:
        value, own = getattr(settings, name), getattr(config, name, None)
        if name in wanted and value != own:
            raise ValueError(
                f"hyperparameter {name}={value}: the initial model has {own}, and a training that "
                "goes on from it keeps its shape"
            )


def _lengthen_context(config: PreTrainedConfig, num_tokens: int) -> None:
    """Plain rotary positions go on beyond the length they were trained at; others end there."""
    own = config.max_position_embeddings
    rotary = getattr(config, "rope_parameters", None) or {}
    if num_tokens < own or (num_tokens > own and rotary.get("rope_type") != "default"):
        raise ValueError(
            f"hyperparameter {CONTEXT}={num_tokens}: the initial model has {own}, which may grow "
            "where its positions are plain rotary ones, and never shrinks"
        )
    config.max_position_embeddings = num_tokens


def save_model(
    folder: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    weights: dict[str, torch.Tensor] | None = None,
) -> None:
    """Write safetensors, config, generation config and tokenizer as `from_pretrained` reads.

    `weights` are the model's state dict, where this process holds only its part of the model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, state_dict=weights, safe_serialization=True)
    tokenizer.save_pretrained(folder)
