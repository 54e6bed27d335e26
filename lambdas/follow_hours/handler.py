"""Keeps as many of an endpoint's instances as its hours want: more by day, fewer by night.

By a schedule: it looks at what is wanted now, and so makes good what it has missed.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from meguru.hours import Hours

logger = Logger(service="follow_hours")


def handler(event: dict[str, Any], context: object) -> None:
    """Takes nothing. An endpoint that isn't scaled, or isn't there yet, is left alone."""
    found = scaling().describe_scalable_targets(
        ServiceNamespace="sagemaker",
        ResourceIds=[os.environ["RESOURCE_ID"]],
        ScalableDimension=os.environ["SCALABLE_DIMENSION"],
    )["ScalableTargets"]
    for each in found:
        wanted = min(hours().wanted(datetime.now(UTC)), each["MaxCapacity"])
        if wanted != each["MinCapacity"]:
            logger.info("the fewest instances change", before=each["MinCapacity"], now=wanted)
            scaling().register_scalable_target(
                ServiceNamespace="sagemaker",
                ResourceId=os.environ["RESOURCE_ID"],
                ScalableDimension=os.environ["SCALABLE_DIMENSION"],
                MinCapacity=wanted,
            )


@cache
def hours() -> Hours:
    return Hours.from_json(os.environ["HOURS"])


@cache
def scaling() -> Any:
    return boto3.client("application-autoscaling")
