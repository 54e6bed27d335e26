"""Tiny random encoders as people bring them, with a tokenizer of bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from meguru.embedding_settings import FILE, EmbeddingSettings

DIMENSIONS, MAX_TOKENS = 32, 64
START, END, PAD = 256, 257, 258
PROMPTS = {"query": "query: ", "passage": "passage: "}


def write_encoder(folder: Path, **settings: Any) -> Path:
    """A BERT of one layer in `folder`, and how its vectors are made: `settings` instead of ours."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=300,
        hidden_size=DIMENSIONS,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        pad_token_id=PAD,
        initializer_range=0.5,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)  # type: ignore[no-untyped-call]
    write_byte_tokenizer(folder)
    own = {"pooling": "mean", "max_tokens": MAX_TOKENS, "dimensions": DIMENSIONS}
    made = EmbeddingSettings(**{**own, "prompts": PROMPTS, **settings})
    (folder / FILE).write_bytes(made.to_json())
    return folder


def write_byte_tokenizer(folder: Path) -> None:
    """A token for each byte, and one before and after each text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {one: number for number, one in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "</s>", "<pad>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", START), ("</s>", END)]
    )
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    fast.save_pretrained(folder)
