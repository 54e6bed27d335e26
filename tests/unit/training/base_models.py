"""Tiny base models in a lake's folder, as they come into a job's channel `base`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import Gemma2Config, LlamaConfig, MistralConfig, Qwen2Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.base_model import BaseModel, Shape, Source, hash_file, revision_of
from meguru.model_hashes import MANIFEST
from tests.unit.training.conftest import make_rows
from training.tokenizer import train_tokenizer

CONFIGS = {
    "llama": LlamaConfig,
    "qwen2": Qwen2Config,
    "gemma2": Gemma2Config,
    "mistral": MistralConfig,
}
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
}


def make_config(kind: str, num_tokens: int, **values: Any) -> Any:
    more = {"sliding_window": 16} if kind in ("gemma2", "mistral") else {}
    return CONFIGS[kind](vocab_size=num_tokens, **{**SIZES, **more, **values})


def write_base(
    folder: Path, kind: str = "llama", *, has_template: bool = True, seed: int = 0, **values: Any
) -> Path:
    """A base model of random weights, and its manifest; `values` go into its config."""
    torch.manual_seed(seed)
    texts = [text for row in make_rows() for text in (row["question"], row["answer"])]
    tokenizer = train_tokenizer(texts, 320)
    if not has_template:
        tokenizer.chat_template = None
        tokenizer.pad_token = None
    config = make_config(kind, len(tokenizer), **values)
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_manifest(folder)
    return folder


def write_manifest(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_bytes())
    files = tuple(hash_file(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST)
    shape = Shape.from_config(config)
    model = BaseModel(
        name="tiny",
        revision=revision_of(files),
        source=Source("folder", "tiny"),
        licence="MIT",
        architecture=config["architectures"][0],
        num_parameters=shape.num_parameters,
        dtype="float32",
        context_tokens=config["max_position_embeddings"],
        has_chat_template=(folder / "chat_template.jinja").is_file(),
        shape=shape,
        files=files,
    )
    (folder / MANIFEST).write_bytes(model.to_json())
