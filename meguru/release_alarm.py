"""What an alarm of a release watches: as it was deployed, and as CloudWatch describes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meguru.fingerprint import fingerprint

# Namespace, name, statistic, and dimensions by their names.
Watched = tuple[str, str, str, Mapping[str, str]]


def fingerprint_of(expression: str, threshold: float, watched: Iterable[Watched]) -> str:
    """The same for the same: whoever changes an alarm by hand changes it."""
    metrics = [[*map(str, names), dict(dimensions)] for *names, dimensions in watched]
    metrics.sort(key=lambda one: (one[0], one[1], one[2]))
    return fingerprint([expression, float(threshold), metrics])[:16]


def fingerprint_as_described(alarm: Mapping[str, Any]) -> str:
    """The same of an alarm as `DescribeAlarms` gives it; of one of another kind, none."""
    queries = alarm.get("Metrics") or []
    expressions = [one["Expression"] for one in queries if "Expression" in one]
    watched = [watched_by(one) for one in queries if "MetricStat" in one]
    if len(expressions) != 1 or "Threshold" not in alarm:
        return ""
    return fingerprint_of(expressions[0], alarm["Threshold"], watched)


def watched_by(query: Mapping[str, Any]) -> Watched:
    measured = query["MetricStat"]
    metric = measured["Metric"]
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])}
    return metric["Namespace"], metric["MetricName"], measured["Stat"], dimensions
