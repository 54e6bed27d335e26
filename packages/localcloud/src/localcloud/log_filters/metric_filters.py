"""Metrics made of the log events that match a metric filter.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringPolicyExamples.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from localcloud.log_filters.expressions import number
from localcloud.log_filters.json_events import steps
from localcloud.log_filters.patterns import Fields, parse_pattern

# Namespace, name, dimensions, value, unit, when (seconds since the epoch).
Record = Callable[[str, str, dict[str, str], float, str, float], None]
_MAX_DIMENSIONS = 3


def check_metric_filter(request: dict[str, Any]) -> None:
    """ValueError where a PutMetricFilter asks for what can't be."""
    parse_pattern(request["filterPattern"])
    for made in request["metricTransformations"]:
        value, dimensions = made["metricValue"], made.get("dimensions") or {}
        if number(value) is None:
            _check_reference(value)
        for reference in dimensions.values():
            _check_reference(reference)
        if len(dimensions) > _MAX_DIMENSIONS:
            raise ValueError(f"A metric filter takes at most {_MAX_DIMENSIONS} dimensions")
        if dimensions and made.get("defaultValue") is not None:
            raise ValueError("Invalid metric transformation: dimensions and default value")


def _check_reference(text: str) -> None:
    if text.startswith("$."):
        steps(text)
    elif not text.startswith("$"):
        raise ValueError(f"Invalid metric transformation: neither a number nor a field: {text}")


def record_matches(
    metric_filter: dict[str, Any], events: Sequence[dict[str, Any]], record: Record
) -> None:
    """Record what the events (`timestamp`, `message`) of a log group make of a filter's metric."""
    matches = parse_pattern(metric_filter["filterPattern"])
    found = [(event, matches(event["message"])) for event in events]
    for made in metric_filter["metricTransformations"]:
        for event, fields in found:
            if fields is not None:
                _record(made, fields, event["timestamp"] / 1000, record)
        default = made.get("defaultValue")
        if default is not None and events and all(fields is None for _, fields in found):
            _put(made, {}, float(default), events[-1]["timestamp"] / 1000, record)


def _record(made: dict[str, Any], fields: Fields, at: float, record: Record) -> None:
    """Nothing where the event lacks the value or a dimension."""
    wanted = made["metricValue"]
    value = number(fields(wanted) if wanted.startswith("$") else wanted)
    references: dict[str, str] = made.get("dimensions") or {}
    dimensions = {name: fields(reference) for name, reference in references.items()}
    if value is None or any(v is None or isinstance(v, dict | list) for v in dimensions.values()):
        return
    _put(made, {name: str(v) for name, v in dimensions.items()}, value, at, record)


def _put(
    made: dict[str, Any], dimensions: dict[str, str], value: float, at: float, record: Record
) -> None:
    unit = made.get("unit") or "None"
    record(made["metricNamespace"], made["metricName"], dimensions, value, unit, at)
