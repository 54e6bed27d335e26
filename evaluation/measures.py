"""Every metric of answers with its interval, as evaluation.json has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evaluation.bootstrap import Interval, intervals
from evaluation.metrics import Sample, statistics_of

# Decimals that a person reads; a loss goes into a difference of small numbers.
_DECIMALS = {"chrf": 2, "bleu": 2, "loss": 6}
LABELLED = "labelled_"


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
