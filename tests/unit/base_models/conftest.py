"""Tiny models as people bring them: a folder of transformers' own files, or one GGUF."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}{% endfor %}"
)
VOCAB_SIZE = 300


def write_tokenizer(folder: Path, chat_template: str | None = TEMPLATE) -> None:
    """Bytes, three control tokens, and no merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={one: n for n, one in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    fast.chat_template = chat_template
    fast.save_pretrained(folder)


def write_model(folder: Path, *, tied: bool = False, shard_size: str = "1GB") -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=tied,
    )
    model = LlamaForCausalLM(config)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder, max_shard_size=shard_size)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    write_model(folder)
    write_tokenizer(folder)
    (folder / "LICENSE").write_text("Apache License\n   Version 2.0, January 2004\n")
    return folder
