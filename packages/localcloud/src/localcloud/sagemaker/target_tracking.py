"""Target tracking and step scaling: from what was measured to the capacity that is wanted.

Follows https://docs.aws.amazon.com/autoscaling/application/userguide/
application-auto-scaling-target-tracking.html: out after three minutes above the target, in after
fifteen minutes below nine tenths of it, never on missing data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from localcloud.sagemaker.scalable import COPY_DIMENSION, VARIANT_DIMENSION, metric_dimensions

MINUTES_OUT = 3
MINUTES_IN = 15
_IN_SHARE = 0.9
_DEFAULT_COOLDOWN_SECONDS = 300
SAGEMAKER_METRICS = "AWS/SageMaker"
# The predefined metrics: what CloudWatch calls each, and the statistic that is tracked.
PREDEFINED = {
    VARIANT_DIMENSION: {
        "SageMakerVariantInvocationsPerInstance": ("InvocationsPerInstance", "Sum"),
        "SageMakerVariantConcurrentRequestsPerModelHighResolution": (
            "ConcurrentRequestsPerModel",
            "Average",
        ),
    },
    COPY_DIMENSION: {
        "SageMakerInferenceComponentInvocationsPerCopy": ("InvocationsPerCopy", "Sum"),
        "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution": (
            "ConcurrentRequestsPerCopy",
            "Average",
        ),
    },
}


def metric_of(configuration: Mapping[str, Any], resource_id: str, dimension: str) -> dict[str, Any]:
    """Namespace, MetricName, Dimensions and Statistic of what a policy tracks."""
    if "PredefinedMetricSpecification" in configuration:
        kind = configuration["PredefinedMetricSpecification"]["PredefinedMetricType"]
        name, statistic = PREDEFINED[dimension][kind]
        return {
            "Namespace": SAGEMAKER_METRICS,
            "MetricName": name,
            "Dimensions": metric_dimensions(resource_id),
            "Statistic": statistic,
        }
    specification = configuration["CustomizedMetricSpecification"]
    members = ("Namespace", "MetricName", "Dimensions", "Statistic")
    return {
        "Dimensions": [],
        **{key: specification[key] for key in members if key in specification},
    }


def wanted_capacity(
    minutes: Sequence[float | None], target: float, current: int, can_scale_in: bool
) -> int:
    """The capacity that brings the metric to `target`.

    `minutes` are the metric's values, the newest last, None where there is none.
    """
    recent = [value for value in minutes[-MINUTES_OUT:] if value is not None]
    if len(recent) == MINUTES_OUT and all(value > target for value in recent):
        return max(current, math.ceil(current * recent[-1] / target))
    long = [value for value in minutes[-MINUTES_IN:] if value is not None]
    is_low = len(long) == MINUTES_IN and all(value < target * _IN_SHARE for value in long)
    if can_scale_in and is_low:
        return min(current, math.ceil(current * max(long) / target))
    return current


def is_cooling_down(
    configuration: Mapping[str, Any], is_out: bool, last_scaled: datetime | None, now: datetime
) -> bool:
    member = "ScaleOutCooldown" if is_out else "ScaleInCooldown"
    seconds = configuration.get(member, _DEFAULT_COOLDOWN_SECONDS)
    return last_scaled is not None and now < last_scaled + timedelta(seconds=seconds)


def stepped_capacity(configuration: Mapping[str, Any], current: int, breach: float) -> int:
    """What the step wants that holds `breach`, the metric's distance from the threshold."""
    for step in configuration.get("StepAdjustments", []):
        lower = step.get("MetricIntervalLowerBound", -math.inf)
        upper = step.get("MetricIntervalUpperBound", math.inf)
        # Below the threshold the upper bound belongs to the step, above it the lower one does.
        holds = lower <= breach < upper if breach >= 0 else lower < breach <= upper
        if holds:
            return _adjusted(configuration, current, step["ScalingAdjustment"])
    return current


def _adjusted(configuration: Mapping[str, Any], current: int, adjustment: int) -> int:
    kind = configuration.get("AdjustmentType", "ChangeInCapacity")
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return current + adjustment
    change = current * adjustment / 100
    size = max(math.floor(abs(change)), configuration.get("MinAdjustmentMagnitude", 1))
    return current + int(math.copysign(size, adjustment))
