"""Loading an encoder's folder: known file types, safetensors weights, no code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from meguru.embedding_request import MAX_TOKENS_AROUND
from meguru.embedding_settings import FILE, EmbeddingSettings
from meguru.model_archive import weight_files

# Have a head that no vector is made by, and that many models come without.
WITH_A_HEAD = ("bert", "roberta", "xlm-roberta")
REQUIRED = ("config.json", "tokenizer.json", FILE)


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder with its tokenizer; `around` are the tokens before and after each text."""

    name: str
    model: PreTrainedModel
    tokenizer: Tokenizer
    settings: EmbeddingSettings
    around: tuple[list[int], list[int]]
    vocab_size: int
    pad_token_id: int

    @property
    def device(self) -> torch.device:
        return self.model.device


def load(folder: Path) -> LoadedEncoder:
    """Load the encoder in `folder`; ValueError says which file is missing, refused or damaged."""
    if not folder.is_dir():
        raise ValueError(f"no model folder at {folder}")
    weight_files(folder)
    for name in REQUIRED:
        if not (folder / name).is_file():
            raise ValueError(f"{folder}: {name} is missing")
    settings = EmbeddingSettings.parse((folder / FILE).read_bytes())
    model = _read_model(folder)
    if model.config.hidden_size != settings.dimensions:
        raise ValueError(
            f"{FILE} says {settings.dimensions} dimensions, and the model has "
            f"{model.config.hidden_size}"
        )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    around = _around(tokenizer)
    _check_around(tokenizer, settings, around)
    return LoadedEncoder(
        name=folder.name,
        model=model,
        tokenizer=tokenizer,
        settings=settings,
        around=around,
        vocab_size=int(model.config.vocab_size),
        pad_token_id=int(model.config.pad_token_id or 0),
    )


def _read_model(folder: Path) -> PreTrainedModel:
    """In 32 bits: the same text has the same vector whoever else is answered, to the 6th digit."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    without = {"add_pooling_layer": False} if config.model_type in WITH_A_HEAD else {}
    model: PreTrainedModel = AutoModel.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        **without,
    )
    if torch.cuda.is_available():
        nn.Module.to(model, "cuda")
    model.train(False)
    return model


def _around(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a text."""
    encoding = tokenizer.encode("a")
    own = [n for n, special in enumerate(encoding.special_tokens_mask) if not special]
    if not own:
        return [], []
    return encoding.ids[: own[0]], encoding.ids[own[-1] + 1 :]


def _check_around(
    tokenizer: Tokenizer, settings: EmbeddingSettings, around: tuple[list[int], list[int]]
) -> None:
    """What is reserved for a text is no less than what is read of it."""
    for name, prompt in settings.prompts.items():
        words = len(tokenizer.encode(prompt, add_special_tokens=False).ids)
        if sum(map(len, around)) + words > MAX_TOKENS_AROUND:
            raise ValueError(
                f"{FILE}: the words before a {name} are {words} tokens: at most "
                f"{MAX_TOKENS_AROUND} stand around a text"
            )
