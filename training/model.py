"""The model: made from the hyperparameters, or taken from an earlier model's folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.hyperparameters import Hyperparameters
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


def load_initial_model(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The model and tokenizer in `folder` (or in its model.tar.gz); safetensors only."""
    # A place of its own for each process: they unpack at the same time.
    with tempfile.TemporaryDirectory() as scratch:
        return _load(open_model(folder, Path(scratch)))


def _load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    weight_files(folder)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
    )
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    return model, tokenizer


def save_model(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write safetensors, config, generation config and tokenizer as `from_pretrained` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
