"""The gate: whether an evaluated model may be registered, and why not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


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
    """Hold `metrics` against the thresholds and, where a model is serving, against its metrics."""
    reasons = [
        reason
        for name, floor in thresholds.minimum.items()
        if (reason := _below_floor(name, metrics.get(name), floor))
    ]
    for name, allowed in thresholds.maximum_drop.items():
        if serving is not None and name in serving:
            floor = serving[name] - allowed
            if _usable(metrics.get(name)) and metrics[name] < floor:
                reasons.append(
                    f"{name} is {metrics[name]:.4f}, more than {allowed:.4f} below the serving "
                    f"model's {serving[name]:.4f}"
                )
    return Decision(tuple(reasons))


def _usable(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _below_floor(name: str, value: float | None, floor: float) -> str | None:
    if value is None:
        return f"{name} is missing from the evaluation"
    if not math.isfinite(value):
        return f"{name} is {value}, not a number to compare"
    if value < floor:
        return f"{name} is {value:.4f}, below the threshold {floor:.4f}"
    return None
