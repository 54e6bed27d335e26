"""The gate: whether an evaluated model may be registered, and why not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# The metrics of evaluation.json that can be held against thresholds, each with its highest value.
HIGHEST = {"exact_match": 1.0, "train_exact_match": 1.0, "chrf": 100.0}
# A floor would let through what is bad in these: the gate doesn't judge them.
LOWER_IS_BETTER = ("loss", "perplexity", "seconds_per_answer")


@dataclass(frozen=True)
class Thresholds:
    """What a model must reach: floors, and how far it may fall below the serving one.

    Metrics are fractions or scores where higher is better, under their names in evaluation.json.
    """

    minimum: Mapping[str, float]
    maximum_drop: Mapping[str, float]


@dataclass(frozen=True)
class Decision:
    """`passed` when there is no reason against; each reason is one sentence for a person."""

    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.reasons


def decide(
    metrics: Mapping[str, float],
    thresholds: Thresholds,
    serving: Mapping[str, float] | None = None,
) -> Decision:
    """Hold `metrics` against the thresholds and, where a model is serving, against its metrics.

    Every metric a threshold names has to be there and finite, whether or not a model is serving.
    """
    reasons: list[str] = []
    for name in dict.fromkeys([*thresholds.minimum, *thresholds.maximum_drop]):
        if name not in metrics:
            reasons.append(f"{name} is missing from the evaluation")
        elif not math.isfinite(metrics[name]):
            reasons.append(f"{name} is {metrics[name]}, not a number to compare")
        else:
            reasons += _too_low(name, metrics[name], thresholds, serving or {})
    return Decision(tuple(reasons))


def _too_low(
    name: str, value: float, thresholds: Thresholds, serving: Mapping[str, float]
) -> list[str]:
    reasons: list[str] = []
    floor = thresholds.minimum.get(name)
    if floor is not None and _below(value, floor):
        reasons.append(f"{name} is {value:.6g}, below the threshold {floor:.6g}")
    allowed, reached = thresholds.maximum_drop.get(name), serving.get(name, math.nan)
    # A serving model without this metric has nothing to fall below.
    if allowed is not None and math.isfinite(reached) and _below(value, reached - allowed):
        reasons.append(
            f"{name} is {value:.6g}, more than {allowed:.6g} below the serving model's "
            f"{reached:.6g}"
        )
    return reasons


def _below(value: float, floor: float) -> bool:
    # 0.8 - 0.1 is a little more than 0.7 in binary: what just reaches the floor has reached it.
    return value < floor and not math.isclose(value, floor)
