"""Bootstrap intervals: how far a metric, or a difference of two models, may be off by chance.

Whole groups are drawn: phrasings of one answer are not independent of each other. Source: Efron and
Tibshirani, An Introduction to the Bootstrap (1993); for two models on the same questions, Koehn,
Statistical Significance Tests for Machine Translation Evaluation (2004).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.metrics import Statistics, Table

CONFIDENCE = 0.95
NUM_RESAMPLES = 1000
SEED = 20_261_127
_CHUNK = 50
# The normal deviation that leaves 2.5 % on each side.
_DEVIATION = 1.959964


@dataclass(frozen=True)
class Interval:
    """A value, the bounds it lies in with CONFIDENCE, and how many groups say so."""

    value: float
    low: float
    high: float
    num_groups: int


def intervals(
    metrics: Mapping[str, Statistics], groups: Sequence[str]
) -> dict[str, Interval | None]:
    """Each metric's interval; None where one group alone says nothing of chance."""
    scores = _resampled(metrics, groups)
    found: dict[str, Interval | None] = {}
    for name, metric in metrics.items():
        found[name] = interval = _interval(metric.value, scores[name], _num_groups(metric, groups))
        if interval and metric.is_share:
            found[name] = _widened(interval)
    return found


def differences(
    candidate: Mapping[str, Statistics], baseline: Mapping[str, Statistics], groups: Sequence[str]
) -> dict[str, Interval | None]:
    """Of each metric of both: the candidate's minus the baseline's on the same draws of groups."""
    names = [name for name in candidate if name in baseline]
    new = _resampled({name: candidate[name] for name in names}, groups)
    old = _resampled({name: baseline[name] for name in names}, groups)
    return {
        name: _interval(
            candidate[name].value - baseline[name].value,
            new[name] - old[name],
            _num_groups(candidate[name], groups),
        )
        for name in names
    }


def _num_groups(metric: Statistics, groups: Sequence[str]) -> int:
    """How many groups have a part in the metric: not each answer has a judge's score."""
    return len({group for group, row in zip(groups, metric.rows, strict=True) if row.any()})


def _resampled(metrics: Mapping[str, Statistics], groups: Sequence[str]) -> dict[str, Table]:
    """NUM_RESAMPLES scores of each metric; for the same groups the same draws."""
    _, group_of = np.unique(np.array(groups), return_inverse=True)
    num_groups = int(group_of.max()) + 1
    joined = np.hstack([metric.rows for metric in metrics.values()])
    by_group = np.zeros((num_groups, joined.shape[1]))
    np.add.at(by_group, group_of, joined)
    random = np.random.default_rng(SEED)
    equal = np.full(num_groups, 1 / num_groups)
    # In parts: a thousand draws of many groups are a large matrix.
    sums = np.vstack(
        [
            random.multinomial(num_groups, equal, size=_CHUNK) @ by_group
            for _ in range(NUM_RESAMPLES // _CHUNK)
        ]
    )
    borders = np.cumsum([metric.rows.shape[1] for metric in metrics.values()])[:-1]
    parts = np.split(sums, borders, axis=1)
    return {
        name: np.array([metric.score(row) for row in part])
        for (name, metric), part in zip(metrics.items(), parts, strict=True)
    }


def _interval(value: float, scores: Table, num_groups: int) -> Interval | None:
    known = scores[~np.isnan(scores)]
    if num_groups < 2 or not known.size or math.isnan(value):
        return None
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value, float(low), float(high), num_groups)


def _widened(interval: Interval) -> Interval:
    """At least as wide as Wilson's: draws of nothing but right answers know no wrong one."""
    count, square = interval.num_groups, _DEVIATION**2
    centre = (interval.value + square / (2 * count)) / (1 + square / count)
    spread = interval.value * (1 - interval.value) / count + square / (4 * count * count)
    half = _DEVIATION / (1 + square / count) * math.sqrt(spread)
    return Interval(
        interval.value,
        max(0.0, min(interval.low, centre - half)),
        min(1.0, max(interval.high, centre + half)),
        count,
    )
