"""The hyperparameters of a training job: their defaults, their limits, and how they are read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

OBJECTIVES = ("causal_lm", "dpo", "kto")
METHODS = ("full", "lora")
PRECISIONS = ("auto", "fp32", "bf16")
SHARDINGS = ("auto", "none", "fsdp")
# What a model is built of: a training that goes on from one has to keep it.
SHAPE = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
# "all-linear", or the names of modules as `named_modules` ends them, with commas between.
MODULE_NAMES = re.compile(r"[A-Za-z_][\w.]*(,[A-Za-z_][\w.]*)*|all-linear")
# The model's context length in tokens; it may grow.
CONTEXT = "max_position_embeddings"


def _number(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


@dataclass(frozen=True)
class Hyperparameters:
    """Everything that shapes a training run. Sizes are those of transformers' `LlamaConfig`.

    `batch_size` counts examples over all processes. `max_steps` 0 means: as `num_epochs` says.
    `question_dropout` is the share of a question's tokens left out while training, so that the
    model leans on several key words. `context_ratio` is the share of batches in which a system
    message or an earlier turn comes before each question. `processes_per_host` 0 means: one for
    each GPU, else one.
    A checkpoint is made so often that at most `checkpoint_minutes` are lost, and every
    `checkpoint_steps` steps; 0 is never. `sharding` fsdp gives each process a part of the weights
    and of the optimizer, none a copy to each; auto shards where copies fill the GPUs.
    `num_threads` is fixed, not the machine's, so that a resumed run adds numbers up the same way.

    `objective` dpo learns from pairs (an answer and a worse one), kto from lone votes; `beta` holds
    both to the model they start from. `method` lora trains an adapter of `lora_rank` on
    `lora_targets` ("all-linear", or module names with commas between), scaled by `lora_alpha` /
    `lora_rank`; `merge` 1 leaves a full model instead. `packing` 1 lays examples one after another
    instead of padding them. With `tokens_per_step` a step takes as many examples as have so many
    tokens, however many processes share them, instead of `batch_size`. `precision` auto is bf16 on
    a GPU and fp32 elsewhere.
    """

    objective: str = field(default="causal_lm", metadata={"one_of": OBJECTIVES})
    method: str = field(default="full", metadata={"one_of": METHODS})
    seed: int = _number(0, 0, 2**31 - 1)
    vocab_size: int = _number(4000, 300, 200_000)
    hidden_size: int = _number(192, 16, 16_384)
    intermediate_size: int = _number(512, 16, 65_536)
    num_hidden_layers: int = _number(3, 1, 128)
    num_attention_heads: int = _number(4, 1, 128)
    max_position_embeddings: int = _number(512, 16, 131_072)
    num_epochs: int = _number(24, 1, 10_000)
    max_steps: int = _number(0, 0, 10_000_000)
    batch_size: int = _number(32, 1, 65_536)
    learning_rate: float = _number(1.5e-3, 1e-8, 1.0)
    warmup_ratio: float = _number(0.05, 0.0, 1.0)
    min_learning_rate_ratio: float = _number(0.05, 0.0, 1.0)
    weight_decay: float = _number(0.05, 0.0, 1.0)
    adam_beta2: float = _number(0.98, 0.0, 0.99999)
    max_grad_norm: float = _number(1.0, 1e-6, 1e6)
    dropout: float = _number(0.1, 0.0, 0.9)
    question_dropout: float = _number(0.1, 0.0, 0.9)
    context_ratio: float = _number(0.15, 0.0, 1.0)
    label_smoothing: float = _number(0.0, 0.0, 0.9)
    beta: float = _number(0.1, 1e-4, 100.0)
    lora_rank: int = _number(16, 1, 1_024)
    lora_alpha: int = _number(32, 1, 10_000)
    lora_dropout: float = _number(0.0, 0.0, 0.9)
    lora_targets: str = field(default="all-linear", metadata={"pattern": MODULE_NAMES})
    merge: int = _number(0, 0, 1)
    packing: int = _number(0, 0, 1)
    tokens_per_step: int = _number(0, 0, 100_000_000)
    precision: str = field(default="auto", metadata={"one_of": PRECISIONS})
    activation_checkpointing: int = _number(0, 0, 1)
    compile: int = _number(0, 0, 1)
    checkpoint_minutes: float = _number(5.0, 0.0, 10_000.0)
    checkpoint_steps: int = _number(0, 0, 1_000_000)
    logging_steps: int = _number(10, 1, 1_000_000)
    sharding: str = field(default="auto", metadata={"one_of": SHARDINGS})
    processes_per_host: int = _number(0, 0, 64)
    num_threads: int = _number(1, 1, 256)

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Hyperparameters:
        """Read SageMaker's strings; ValueError names the key and the value it can't take."""
        for name, problem in problems(values).items():
            raise ValueError(f"hyperparameter {name}={values[name]!r}: {problem}")
        return cls(**read_values(values))


def as_text(values: Mapping[str, str | int | float | bool]) -> dict[str, str]:
    """SageMaker's hyperparameters are text; numbers and booleans as JSON writes them."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }


def problems(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each of `values`, by its name: nothing where a job can run with them."""
    return problems_of_values(values) or _problem_of_heads(values)


def problems_of_values(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each of `values` for itself, by its name."""
    known = {one.name: one for one in fields(Hyperparameters)}
    found = {}
    for name, text in values.items():
        if name not in known:
            found[name] = f"unknown hyperparameter; known are: {', '.join(known)}"
        elif not _is_possible(known[name], text):
            found[name] = _possible(known[name])
    return found


def _problem_of_heads(values: Mapping[str, str]) -> dict[str, str]:
    """Each head takes an equal, even share of the hidden size, as rotary positions need."""
    read = Hyperparameters(**read_values(values))
    if read.hidden_size % (2 * read.num_attention_heads) == 0:
        return {}
    name = "num_attention_heads" if "num_attention_heads" in values else "hidden_size"
    return {
        name: f"hidden_size ({read.hidden_size}) has to be a multiple of "
        f"2 x num_attention_heads ({read.num_attention_heads})"
    }


def read_values(values: Mapping[str, str]) -> dict[str, Any]:
    """Values without problems, in their types."""
    kinds = {one.name: _kind(one) for one in fields(Hyperparameters)}
    return {name: kinds[name](text) for name, text in values.items()}


def _kind(one: Field[Any]) -> Callable[[str], Any]:
    return {int: int, float: float, str: str}[type(one.default)]


def _is_possible(one: Field[Any], text: str) -> bool:
    if "one_of" in one.metadata:
        return text in one.metadata["one_of"]
    if "pattern" in one.metadata:
        return one.metadata["pattern"].fullmatch(text) is not None
    try:
        number = _kind(one)(text)
    except ValueError:
        return False
    return bool(math.isfinite(number) and one.metadata["low"] <= number <= one.metadata["high"])


def _possible(one: Field[Any]) -> str:
    if "one_of" in one.metadata:
        return f"one of: {', '.join(one.metadata['one_of'])}"
    if "pattern" in one.metadata:
        return "all-linear, or names of modules with commas between: q_proj,v_proj"
    kind = "a whole number" if isinstance(one.default, int) else "a number"
    return f"{kind} from {one.metadata['low']} to {one.metadata['high']}"
