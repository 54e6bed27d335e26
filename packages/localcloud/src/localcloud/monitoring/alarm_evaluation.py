"""An alarm's state from its data points, missing ones treated as the alarm says.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"

# CloudWatch looks at a few periods more than an alarm evaluates, for data that came late.
EXTRA_PERIODS = 2

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def next_state(alarm: dict[str, Any], points: Sequence[float | None]) -> str:
    """The state after evaluating `points`, oldest first: EvaluationPeriods + EXTRA_PERIODS of them.

    None is a missing data point.
    """
    wanted = alarm["EvaluationPeriods"]
    to_alarm = alarm.get("DatapointsToAlarm") or wanted
    compare = COMPARISONS[alarm["ComparisonOperator"]]
    breaching = [None if p is None else compare(p, alarm["Threshold"]) for p in points]
    existing = [b for b in breaching if b is not None]
    if None not in breaching[-wanted:]:
        existing = [b for b in breaching[-wanted:] if b is not None]
    if len(existing) >= wanted:
        return ALARM if sum(existing[-wanted:]) >= to_alarm else OK
    treatment = alarm.get("TreatMissingData") or "missing"
    return _with_missing(treatment, breaching, existing, wanted, to_alarm, alarm["StateValue"])


def _with_missing(
    treatment: str,
    breaching: Sequence[bool | None],
    existing: Sequence[bool],
    wanted: int,
    to_alarm: int,
    current: str,
) -> str:
    bad, filled = sum(existing), wanted - len(existing)
    if bad >= to_alarm:
        return ALARM
    if treatment == "breaching":
        return ALARM if bad + filled >= to_alarm else OK
    if treatment == "notBreaching":
        return OK
    if treatment == "ignore":
        return OK if bad + filled < to_alarm else current
    if not existing:
        return INSUFFICIENT_DATA
    return ALARM if _breached_long_ago(breaching, to_alarm) else OK


def _breached_long_ago(breaching: Sequence[bool | None], to_alarm: int) -> bool:
    """A breach at least `to_alarm` periods old, with nothing but breaches and gaps since."""
    oldest = next((i for i, b in enumerate(breaching) if b is not None), None)
    if oldest is None or len(breaching) - oldest < to_alarm:
        return False
    return all(b is not False for b in breaching[oldest:])


def reason(alarm: dict[str, Any], state: str, points: Sequence[float | None]) -> str:
    """StateReason in CloudWatch's own wording."""
    recent = [p for p in points[-alarm["EvaluationPeriods"] :] if p is not None]
    if not recent:
        return (
            "Insufficient Data: "
            if state == INSUFFICIENT_DATA
            else (
                "Threshold Crossed: no datapoints were received for "
                f"{alarm['EvaluationPeriods']} periods and missing datapoints were treated as "
                f"[{_TREATED.get(alarm.get('TreatMissingData') or '', 'Missing')}]."
            )
        )
    comparison = _WORDING[alarm["ComparisonOperator"]]
    shown = ", ".join(str(p) for p in recent)
    plural = "datapoints" if len(recent) > 1 else "datapoint"
    verb = ("were" if len(recent) > 1 else "was") + ("" if state == ALARM else " not")
    return (
        f"Threshold Crossed: {len(recent)} {plural} [{shown}] {verb} {comparison} the threshold "
        f"({float(alarm['Threshold'])})."
    )


_WORDING = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching", "ignore": "Ignored"}
