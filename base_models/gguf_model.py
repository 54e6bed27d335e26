"""A GGUF file as a folder of safetensors: its weights dequantised, its tokenizer kept."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader
from transformers import AutoTokenizer, GgufConfig
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

# GGUF's names of the architectures that meguru.base_model knows.
FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3")
# GGUF's general.file_type for weights that weren't quantised; all others fit into bfloat16.
_FILE_TYPES = {0: torch.float32, 1: torch.float16}
MAX_SHARD_SIZE = "4GB"


@dataclass(frozen=True)
class GgufFacts:
    family: str
    licence: str
    dtype: torch.dtype


def read_facts(path: Path) -> GgufFacts:
    """What a GGUF says of itself; ValueError for a damaged one, a part of one, or another kind."""
    try:
        reader = GGUFReader(path)
        family = str(_value(reader, "general.architecture") or "")
        num_parts = int(_value(reader, "split.count") or 1)
        licence = str(_value(reader, "general.license") or "")
        file_type = _value(reader, "general.file_type")
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, struct.error) as error:
        raise ValueError(
            f"{path.name} is no whole GGUF file: {error}: copy it anew from where it is from"
        ) from error
    if num_parts > 1:
        raise ValueError(
            f"{path.name} is one of {num_parts} parts: join them with llama-gguf-split --merge"
        )
    if family not in FAMILIES:
        raise ValueError(
            f"{path.name} has the architecture {family!r}; known in GGUF are {', '.join(FAMILIES)}"
        )
    return GgufFacts(family, licence, _FILE_TYPES.get(file_type, torch.bfloat16))


def convert(path: Path, folder: Path) -> GgufFacts:
    """Write the model of a GGUF file to `folder`, as save_pretrained does; what it says of itself.

    The weights are its own to the last bit that the type they are written in holds.
    """
    facts = read_facts(path)
    place: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True}
    try:
        # Where there are kernels for them, blocks would stay packed.
        whole = GgufConfig(dequantize=True)
        quantised = AutoModelForCausalLM.from_pretrained(
            path.parent, dtype=facts.dtype, quantization_config=whole, **place
        )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **place)
    except (ValueError, KeyError, IndexError, TypeError, RuntimeError, OSError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path.name}: transformers can't read it: {line}") from error
    # save_pretrained refuses what was read from a GGUF: a model of its own has the same weights.
    config = type(quantised.config)(
        **{
            name: value
            for name, value in quantised.config.to_dict().items()
            if name != "quantization_config"
        }
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, dtype=facts.dtype, trust_remote_code=False
        )
    model.load_state_dict(quantised.state_dict(), assign=True)
    model.tie_weights()
    model.save_pretrained(folder, max_shard_size=MAX_SHARD_SIZE)
    tokenizer.save_pretrained(folder)
    return facts


def _value(reader: GGUFReader, name: str) -> Any:
    field = reader.get_field(name)
    return None if field is None else field.contents()
