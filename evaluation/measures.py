"""What evaluation.json says of a model: every metric with its interval, and by language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evaluation.bootstrap import Interval, intervals
from evaluation.evaluate import Evaluation
from evaluation.metrics import Sample, exact_match, statistics_of

# Decimals that a person reads; a loss goes into a difference of small numbers.
_DECIMALS = {"chrf": 2, "bleu": 2, "loss": 6}
LABELLED = "labelled_"


def describe(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Each metric's `value`; where chance has a say also `low`, `high` and `num_groups`."""
    metrics = with_intervals(evaluation.held_out)
    values: dict[str, float | int] = {
        "seconds_per_answer": round(evaluation.seconds_per_answer, 4),
        "num_held_out": len(evaluation.held_out),
    }
    if evaluation.train:
        values["train_exact_match"] = round(exact_match(evaluation.train), 4)
    if evaluation.labelled:
        metrics |= {
            LABELLED + name: metric for name, metric in with_intervals(evaluation.labelled).items()
        }
        values["num_labelled"] = len(evaluation.labelled)
    return metrics | {name: {"value": value} for name, value in values.items()}


def with_intervals(samples: Sequence[Sample]) -> dict[str, dict[str, Any]]:
    statistics = statistics_of(samples)
    found = intervals(statistics, [sample.row.group_id for sample in samples])
    return {
        name: {"value": shown(name, metric.value), **_bounds(name, found[name])}
        for name, metric in statistics.items()
        if shown(name, metric.value) is not None
    }


def shown(name: str, value: float) -> float | None:
    """As it is written; None for what is no number, which JSON doesn't have."""
    decimals = _DECIMALS.get(name.removeprefix(LABELLED), 4)
    return round(value, decimals) if math.isfinite(value) else None


def _bounds(name: str, interval: Interval | None) -> dict[str, Any]:
    if interval is None:
        return {}
    return {
        "low": shown(name, interval.low),
        "high": shown(name, interval.high),
        "num_groups": interval.num_groups,
    }
