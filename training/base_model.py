"""The base model in channel `base`: loaded without code, with a tokenizer to train with."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.hyperparameters import CONTEXT, SHAPE, Hyperparameters

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
