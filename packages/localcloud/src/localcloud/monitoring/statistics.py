"""CloudWatch's statistics of what was measured in a period.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

from __future__ import annotations

import math
import re

from localcloud.calls import ServiceError
from localcloud.monitoring.metric_store import Aggregate

_SIMPLE = {"samplecount", "average", "sum", "minimum", "maximum"}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)\Z")


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message, 400)


def check_statistic(name: str) -> None:
    """ServiceError where the statistic is not one that can be computed here."""
    if name.lower() not in _SIMPLE and not _PERCENTILE.match(name):
        raise invalid(
            f"The statistic {name!r} is not supported here: use SampleCount, Average, Sum, "
            "Minimum, Maximum or a percentile such as p99"
        )


def statistic(name: str, aggregate: Aggregate) -> float | None:
    """The statistic's value; None where it can't be told (a percentile of a statistic set)."""
    match name.lower():
        case "samplecount":
            return aggregate.count
        case "sum":
            return aggregate.total
        case "average":
            return aggregate.total / aggregate.count if aggregate.count else None
        case "minimum":
            return aggregate.minimum
        case "maximum":
            return aggregate.maximum
    match = _PERCENTILE.match(name)
    assert match is not None, f"unchecked statistic {name}"
    return _percentile(float(match[1]), aggregate)


def _percentile(percent: float, aggregate: Aggregate) -> float | None:
    """The smallest value that at least `percent` of what was measured does not exceed."""
    known = sum(aggregate.values.values())
    if not known or known < aggregate.count:
        return None
    wanted, seen = math.ceil(known * percent / 100 - 1e-9), 0.0
    for value in sorted(aggregate.values):
        seen += aggregate.values[value]
        if seen >= wanted:
            return value
    return aggregate.maximum
