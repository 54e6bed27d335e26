"""Tiny base models in a lake's folder, as they come into a job's channel `base`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from transformers import Gemma2Config, LlamaConfig, MistralConfig, Qwen2Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

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
    files = [
        {
            "path": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
        }
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json"
    ]
    content = json.dumps(files, sort_keys=True).encode()
    revision = hashlib.sha256(content).hexdigest()[:16]
    manifest = {"format": 1, "name": "tiny", "revision": revision, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
