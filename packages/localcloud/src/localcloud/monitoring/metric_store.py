"""Metrics as CloudWatch keeps them: sums of what was measured, in buckets of a minute."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

STANDARD_SECONDS, HIGH_SECONDS = 60, 1
# A minute's buckets for the 15 days that CloudWatch keeps them.
_MAX_BUCKETS = 15 * 24 * 60

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Metric:
    """A metric's identity; `dimensions` are sorted by name."""

    namespace: str
    name: str
    dimensions: Dimensions = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass
class Aggregate:
    """Everything measured in a stretch of time. `values` counts each single value, where known."""

    count: float = 0.0
    total: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    values: dict[float, float] = field(default_factory=dict)

    def add(self, value: float, count: float = 1.0) -> None:
        self.count += count
        self.total += value * count
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        self.values[value] = self.values.get(value, 0.0) + count

    def add_set(self, count: float, total: float, minimum: float, maximum: float) -> None:
        """Add a statistic set: what was measured is known only in sum."""
        self.count += count
        self.total += total
        self.minimum = min(self.minimum, minimum)
        self.maximum = max(self.maximum, maximum)
        if minimum == maximum:
            self.values[minimum] = self.values.get(minimum, 0.0) + count

    def merge(self, other: Aggregate) -> None:
        self.count += other.count
        self.total += other.total
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        for value, count in other.values.items():
            self.values[value] = self.values.get(value, 0.0) + count


class _Buckets:
    """One unit's aggregates by the start of their bucket, in order."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._aggregates: dict[int, Aggregate] = {}

    def at(self, start: int) -> Aggregate:
        """The bucket, made where it isn't there yet; the oldest goes when there are too many."""
        found = self._aggregates.get(start)
        if found is None:
            found = self._aggregates[start] = Aggregate()
            bisect.insort(self._starts, start)
            if len(self._starts) > _MAX_BUCKETS:
                del self._aggregates[self._starts.pop(0)]
        return found

    def between(self, start: float, end: float) -> Iterator[tuple[int, Aggregate]]:
        first, last = bisect.bisect_left(self._starts, start), bisect.bisect_left(self._starts, end)
        return ((at, self._aggregates[at]) for at in self._starts[first:last])

    def newest(self) -> int:
        return self._starts[-1]


class MetricStore:
    """Every metric of the account, safe to write and read from any thread.

    Times are seconds since the epoch in the cloud's time.
    """

    def __init__(self) -> None:
        self._series: dict[Metric, dict[str, _Buckets]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def bucket(
        self, metric: Metric, unit: str, at: float, resolution: int = STANDARD_SECONDS
    ) -> Iterator[Aggregate]:
        """The bucket to add to; nobody else reads or writes meanwhile."""
        with self._lock:
            units = self._series.get(metric)
            if units is None:
                units = self._series[metric] = {}
            buckets = units.get(unit)
            if buckets is None:
                buckets = units[unit] = _Buckets()
            yield buckets.at(int(at // resolution * resolution))

    def metrics(self) -> list[Metric]:
        with self._lock:
            return list(self._series)

    def newest(self, metric: Metric) -> int:
        """When the metric was last measured."""
        with self._lock:
            return max(buckets.newest() for buckets in self._series[metric].values())

    def units(self, metric: Metric) -> list[str]:
        with self._lock:
            return list(self._series.get(metric, {}))

    def aggregates(
        self, metric: Metric, start: float, end: float, period: int, unit: str | None = None
    ) -> dict[int, Aggregate]:
        """What was measured from `start` until before `end`, by the period it falls in."""
        found: dict[int, Aggregate] = {}
        with self._lock:
            for name, buckets in self._series.get(metric, {}).items():
                if unit in (None, name):
                    for at, bucket in buckets.between(start, end):
                        found.setdefault(at // period * period, Aggregate()).merge(bucket)
        return found
