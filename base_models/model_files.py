"""Whether files make a model that can be trained and served: what is wrong is said in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from base_models.source_files import CONFIG, TOKENIZER, read_json
from base_models.weights import POSITION_IDS, Tensor
from meguru.base_model import ARCHITECTURES, ENCODERS, Shape
from meguru.chat import ChatEncoder
from meguru.prompt_bound import PromptBound

_OUTPUT, _INPUT = "lm_head.weight", "model.embed_tokens.weight"
# What older versions of transformers wrote, and newer ones work out by themselves.
_WORKED_OUT = ("rotary_emb.inv_freq", "attn.masked_bias", "attn.bias", POSITION_IDS)
# An encoder's head, by which no vector is made.
_HEAD = "pooler."


def check_config(config: Mapping[str, Any]) -> str:
    """The model's architecture; ValueError for one that isn't known, or needs code of its own."""
    if "auto_map" in config:
        raise ValueError(
            f"{CONFIG} has auto_map: the model needs code of its own, which is never run: bring "
            "one that transformers knows"
        )
    named = config.get("architectures")
    architecture = named[0] if isinstance(named, list) and len(named) == 1 else named
    if architecture not in (*ARCHITECTURES, *ENCODERS):
        raise ValueError(
            f"{CONFIG} names the architecture {architecture!r}; known are "
            f"{', '.join(ARCHITECTURES)}, and of embedding models {', '.join(ENCODERS)}"
        )
    if quantised := config.get("quantization_config"):
        method = quantised.get("quant_method") if isinstance(quantised, dict) else None
        raise ValueError(
            f"the weights are quantised ({method or 'by an unknown method'}), and can't be trained:"
            " bring the model they were made of"
        )
    return str(architecture)


def check_weights(folder: Path, shape: Shape, tensors: Mapping[str, Tensor]) -> int:
    """The number of parameters, tied ones once; ValueError where the config's model has others."""
    model = _make_model(folder, AutoModelForCausalLM)
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if shape.tie_word_embeddings and _OUTPUT not in tensors:
        wanted.pop(_OUTPUT, None)
    elif _OUTPUT in wanted and _OUTPUT not in tensors and _INPUT in tensors:
        raise ValueError(
            f"{_OUTPUT} is missing, and {CONFIG} says that it is not tied to the input's: set "
            "tie_word_embeddings to true if the model was made so, or bring the tensor"
        )
    _compare(wanted, tensors)
    tied_twice = shape.tie_word_embeddings and _OUTPUT in tensors
    return sum(one.size for name, one in tensors.items() if not _is_extra(name)) - (
        tensors[_OUTPUT].size if tied_twice else 0
    )


def check_encoder_weights(folder: Path, tensors: Mapping[str, Tensor]) -> int:
    """The number of an encoder's parameters; ValueError where the config's model has others."""
    model = _make_model(folder, AutoModel)
    wanted = {
        name: tuple(value.shape)
        for name, value in model.state_dict().items()
        if not name.startswith(_HEAD)
    }
    own = {name: one for name, one in tensors.items() if not name.startswith(_HEAD)}
    _compare(wanted, own)
    return sum(one.size for name, one in own.items() if not _is_extra(name))


def _make_model(folder: Path, kind: Any) -> PreTrainedModel:
    """A model of the folder's config, without its weights."""
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model: PreTrainedModel = kind.from_config(config, trust_remote_code=False)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, OSError) as error:
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{CONFIG}: transformers can't make a model of it: {line}") from error
    return model


def check_tokenizer(folder: Path, vocab_size: int) -> bool:
    """Whether the tokenizer has a chat template; ValueError where it doesn't fit the model."""
    path = folder / TOKENIZER
    if not path.is_file():
        raise ValueError(
            f"there is no {TOKENIZER}: load the model's tokenizer with transformers' AutoTokenizer "
            "and add what its save_pretrained writes"
        )
    settings = folder / "tokenizer_config.json"
    if settings.is_file() and "auto_map" in read_json(settings):
        raise ValueError(
            "tokenizer_config.json has auto_map: the tokenizer needs code of its own, which is "
            "never run"
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    # The library raises Exception itself.
    except Exception as error:
        raise ValueError(f"{TOKENIZER} can't be read: {error}") from error
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if highest >= vocab_size:
        raise ValueError(
            f"{TOKENIZER} has the token id {highest}, and the model has {vocab_size} tokens: bring "
            "the tokenizer that belongs to the model"
        )
    return bool(
        PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True).chat_template
    )


def measure_template(folder: Path) -> str:
    """What the chat template writes by itself, as a model version's metadata has it."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    encoder = ChatEncoder(tokenizer)
    bound = PromptBound.of_template(lambda messages: len(encoder.encode_prompt(messages)))
    return bound.metadata()


def _compare(wanted: Mapping[str, tuple[int, ...]], tensors: Mapping[str, Tensor]) -> None:
    if missing := sorted(wanted.keys() - tensors.keys()):
        raise ValueError(f"the weights lack {_some(missing)}: the model's files are not complete")
    own = {name for name in tensors if not _is_extra(name)}
    if unknown := sorted(own - wanted.keys() - {_OUTPUT}):
        raise ValueError(f"the weights have {_some(unknown)}, which a model of {CONFIG} hasn't")
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise ValueError(
                f"{name} in {tensors[name].file} is {_times(tensors[name].shape)}, and {CONFIG} "
                f"makes it {_times(shape)}"
            )


def _is_extra(name: str) -> bool:
    return name.endswith(_WORKED_OUT)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}"


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
