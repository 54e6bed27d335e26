"""Metrics embedded in log lines (EMF).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One metric's values under one set of dimensions; `at` in seconds since the epoch."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    values: list[float]
    unit: str
    at: float
    high_resolution: bool


def read_line(line: str) -> list[Measurement]:
    """The measurements in a log line; none where it is no EMF document.

    What the format does not allow is left out, as CloudWatch leaves it out of its metrics.
    """
    # Most lines are not EMF: parsing each would cost every function its time.
    if '"_aws"' not in line:
        return []
    try:
        document = json.loads(line[line.index("{") :])
    except (ValueError, RecursionError):
        return []
    metadata = document.get("_aws") if isinstance(document, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("Timestamp"), int | float):
        return []
    directives = metadata.get("CloudWatchMetrics")
    if not isinstance(directives, list):
        return []
    at = metadata["Timestamp"] / 1000
    return [m for d in directives if isinstance(d, dict) for m in _directive(d, document, at)]


def _directive(
    directive: dict[str, Any], document: dict[str, Any], at: float
) -> Iterator[Measurement]:
    namespace, metrics = directive.get("Namespace"), directive.get("Metrics")
    if not isinstance(namespace, str) or not isinstance(metrics, list):
        return
    for names in directive.get("Dimensions") or [[]]:
        if not isinstance(names, list) or any(not isinstance(n, str) for n in names):
            continue
        if any(not isinstance(document.get(name), str) for name in names):
            continue
        dimensions = {name: document[name] for name in names}
        for metric in metrics:
            name = metric.get("Name") if isinstance(metric, dict) else None
            values = _values(document.get(name)) if isinstance(name, str) else []
            if values and isinstance(name, str):
                unit, fine = metric.get("Unit", "None"), metric.get("StorageResolution") == 1
                yield Measurement(namespace, name, dimensions, values, str(unit), at, fine)


def _values(value: Any) -> list[float]:
    values = value if isinstance(value, list) else [value]
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        return []
    return [float(v) for v in values[:100]]
