"""The base model in channel `base`: its files held against its manifest, loaded without code."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.fingerprint import file_sha256
from meguru.hyperparameters import CONTEXT, SHAPE, Hyperparameters
from meguru.model_hashes import MANIFEST

INDEX = "model.safetensors.index.json"
# For a base model without one. Only the end of a turn is a token, which no content can hold: so
# none can forge a turn either.
CHAT_TEMPLATE = (
    "{% if bos_token %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('unknown role: ' + message['role']) }}{% endif %}"
    "{{ message['role'] + '\n' + message['content'] + eos_token }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant\n' }}{% endif %}"
)


def verify_base(folder: Path) -> None:
    """Hold each file against the manifest; ValueError names the first that isn't as it says."""
    files = _manifest_files(folder)
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"the base model's {name} is missing: {again(folder)}")
        if file_sha256(path) != digest:
            raise ValueError(
                f"the base model's {name} does not have the SHA-256 that its manifest gives: "
                + again(folder)
            )
    if INDEX in files:
        shards = set(json.loads((folder / INDEX).read_bytes())["weight_map"].values())
        if missing := sorted(shards - files.keys()):
            raise ValueError(f"the base model's {missing[0]} is missing: {again(folder)}")
    if not any(name.endswith(".safetensors") for name in files):
        raise ValueError(f"the base model has no .safetensors file: {again(folder)}")


def again(folder: Path) -> str:
    """What to do about a damaged base model."""
    name = json.loads((folder / MANIFEST).read_bytes()).get("name", "NAME")
    return f"add it again with `meguru model add SOURCE --name {name}`"


def _manifest_files(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f"no base model at {folder}: it has no {MANIFEST}")
    try:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        files = {Path(str(one["path"])).name: str(one["sha256"]) for one in manifest["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a base model's manifest ({error!r})") from error
    return files


def load_base(
    folder: Path, wanted: Collection[str], settings: Hyperparameters, dtype: torch.dtype
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The base model in `dtype` with its own tokenizer; ValueError says what it lacks."""
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=dtype,
            output_loading_info=True,
        )
    except SafetensorError as error:
        raise ValueError(f"the base model's weights are damaged: {error}") from error
    model: PreTrainedModel = loaded[0]
    if missing := sorted(loaded[1]["missing_keys"]):
        raise ValueError(
            f"the base model lacks the weights {', '.join(missing[:3])}"
            + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        )
    _refuse_another_size(model, wanted, settings)
    return model, load_tokenizer(folder, model)


def load_tokenizer(folder: Path, model: PreTrainedModel) -> PreTrainedTokenizerFast:
    """The base model's tokenizer, with a chat template and a token to pad with."""
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(
        folder, local_files_only=True
    )
    if tokenizer.eos_token is None:
        raise ValueError("the base model's tokenizer has no eos_token, which ends an answer")
    if len(tokenizer) > (num_rows := int(model.config.vocab_size)):
        raise ValueError(
            f"the base model's tokenizer has {len(tokenizer)} tokens, its embeddings {num_rows}"
        )
    if tokenizer.chat_template is None:
        tokenizer.chat_template = CHAT_TEMPLATE
        # Answers end as the template ends them, whatever the base model's own settings say.
        assert model.generation_config is not None
        model.generation_config.eos_token_id = tokenizer.eos_token_id
        print("event=chat_template_set: the base model brings none", flush=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _refuse_another_size(
    model: PreTrainedModel, wanted: Collection[str], settings: Hyperparameters
) -> None:
    """What is said of the shape has to be true; the context may be used in part only."""
    for name in SHAPE:
        value, own = getattr(settings, name), getattr(model.config, name, None)
        if name in wanted and value != own:
            raise ValueError(
                f"hyperparameter {name}={value}: the base model has {own}, and keeps it"
            )
    most, context = settings.max_position_embeddings, context_length(model)
    if CONTEXT in wanted and most > context:
        raise ValueError(f"hyperparameter {CONTEXT}={most}: the base model has {context}")


def context_length(model: PreTrainedModel) -> int:
    return int(model.config.max_position_embeddings)


def stored_dtype(folder: Path) -> torch.dtype:
    """What the base model's weights are kept in: a model made of it is, too."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return config.dtype if isinstance(config.dtype, torch.dtype) else torch.float32
