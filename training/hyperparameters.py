"""The hyperparameters of a training job: their defaults, their limits, and how they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

OBJECTIVES = ("causal_lm",)


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
    `num_threads` is fixed, not the machine's, so that a resumed run adds numbers up the same way.
    """

    objective: str = field(default="causal_lm", metadata={"one_of": OBJECTIVES})
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
    checkpoint_steps: int = _number(50, 1, 1_000_000)
    logging_steps: int = _number(10, 1, 1_000_000)
    processes_per_host: int = _number(0, 0, 64)
    num_threads: int = _number(1, 1, 256)

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Hyperparameters:
        """Read SageMaker's strings; ValueError names the key and the value it can't take."""
        known = {one.name: one for one in fields(cls)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"unknown hyperparameter {unknown[0]}={values[unknown[0]]!r}; known are: "
                + ", ".join(known)
            )
        parsed = cls(**{name: _parse(known[name], value) for name, value in values.items()})
        if parsed.hidden_size % (2 * parsed.num_attention_heads):
            raise ValueError(
                f"hyperparameter hidden_size={parsed.hidden_size} must be a multiple of "
                f"2 x num_attention_heads={parsed.num_attention_heads}"
            )
        return parsed


def _parse(one: Field[Any], text: str) -> Any:
    if "one_of" in one.metadata:
        if text not in one.metadata["one_of"]:
            choices = ", ".join(one.metadata["one_of"])
            raise ValueError(f"hyperparameter {one.name}={text!r} is not one of: {choices}")
        return text
    kind: type[int] | type[float] = int if isinstance(one.default, int) else float
    low, high = one.metadata["low"], one.metadata["high"]
    try:
        number = kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise ValueError(f"hyperparameter {one.name}={text!r} is not {wanted}") from None
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"hyperparameter {one.name}={text!r} is not within {low} to {high}")
    return number
