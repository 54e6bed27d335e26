"""Other names of models in the API: one drawn by weight, or several that are compared blind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from stacks.environment.refusals import refusal
from stacks.environment.values import ModelName

MAX_ALIASES, MAX_TARGETS, MAX_WEIGHT = 20, 20, 1_000_000
_SAID = (
    "models with their weights, such as {staff-chat: 90, other: 10}, or a list of two or more that "
    "are compared blind"
)
Targets = dict[str, int] | list[str]


def _check_targets(value: Any) -> Any:
    if isinstance(value, dict):
        _check_weights(value)
    elif isinstance(value, list):
        _check_compared(value)
    else:
        raise refusal(_SAID)
    return value


def _check_weights(weights: Mapping[Any, Any]) -> None:
    if not 1 <= len(weights) <= MAX_TARGETS:
        raise refusal(f"1 to {MAX_TARGETS} models with their weights")
    for model, weight in weights.items():
        is_number = isinstance(weight, int) and not isinstance(weight, bool)
        if not is_number or not 1 <= weight <= MAX_WEIGHT:
            raise refusal(f"the weight of {model} is a whole number from 1 to {MAX_WEIGHT}")


def _check_compared(models: list[Any]) -> None:
    if not 2 <= len(models) <= MAX_TARGETS:
        raise refusal(f"2 to {MAX_TARGETS} models to compare")
    if not all(isinstance(one, str) for one in models):
        raise refusal(_SAID)
    if len(set(models)) < len(models):
        raise refusal("each model once")


Alias = Annotated[Any, BeforeValidator(_check_targets)]
Aliases = Annotated[dict[ModelName, Alias], Field(max_length=MAX_ALIASES)]


def alias_problems(
    aliases: Mapping[str, Targets], kinds: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """What is wrong with aliases among models, whose `kinds` are by their names in the API."""
    served = ", ".join(kinds)
    for name, targets in aliases.items():
        if name in kinds:
            yield (name,), "a model's name in the API: give the alias another", name
        unknown = [model for model in targets if model not in kinds]
        for model in unknown:
            yield (name,), f"{model} is no model's name in the API; those are {served}", targets
        if unknown:
            continue
        found = {kinds[model] for model in targets}
        if len(found) > 1:
            yield (name,), "models of one kind: no request can be asked of two kinds", targets
        elif found == {"embedding"} and isinstance(targets, list):
            yield (name,), "models of kind text: vectors are not compared by eye", targets
        elif found == {"embedding"} and len(targets) > 1:
            said = "one embedding model: vectors of two can't be searched together"
            yield (name,), said, targets
