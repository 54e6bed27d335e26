"""Holds an evaluation against the gate's thresholds and the model now serving."""

from __future__ import annotations

import json
import math
import os
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from meguru.gate import Thresholds, decide
from meguru.refusals import says_missing


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Decide on one run.

    Takes `evaluation_key` (evaluation.json in the lake). Returns `passed`, `reasons`, the `metrics`
    as numbers (null for what is none: Step Functions reads JSON), and as `metadata` the same as
    text, as model packages keep them, with the number of records that were set aside.
    """
    evaluation = _read_json(event["evaluation_key"])
    metrics = {name: float(metric["value"]) for name, metric in evaluation["metrics"].items()}
    thresholds = Thresholds(
        minimum=json.loads(os.environ["MINIMUM_METRICS"]),
        maximum_drop=json.loads(os.environ["MAXIMUM_METRIC_DROPS"]),
    )
    decision = decide(metrics, thresholds, _serving_metrics())
    return {
        "passed": decision.passed,
        "reasons": list(decision.reasons),
        "metrics": {
            name: value if math.isfinite(value) else None for name, value in metrics.items()
        },
        "metadata": {
            **{name: f"{value:.15g}" for name, value in metrics.items()},
            "num_set_aside": str(evaluation.get("num_set_aside", 0)),
        },
    }


def _serving_metrics() -> dict[str, float] | None:
    """The metrics the serving model version was registered with.

    None before the first release, and for a version that was deleted from the registry.
    """
    release = releases().get_item(Key={"endpoint_name": os.environ["ENDPOINT_NAME"]}).get("Item")
    if not release or "released_model_package_arn" not in release:
        return None
    package = _describe(release["released_model_package_arn"])
    if package is None:
        return None
    names = json.loads(os.environ["MAXIMUM_METRIC_DROPS"])
    metadata = package.get("CustomerMetadataProperties", {})
    return {name: float(metadata[name]) for name in names if name in metadata}


def _describe(package: str) -> dict[str, Any] | None:
    """A model package, None where the registry has none of this name: no other refusal is that."""
    try:
        described: dict[str, Any] = sagemaker().describe_model_package(ModelPackageName=package)
    except ClientError as error:
        if says_missing(error.response["Error"]):
            return None
        raise
    return described


def _read_json(key: str) -> dict[str, Any]:
    content = s3().get_object(Bucket=os.environ["LAKE_BUCKET"], Key=key)["Body"].read()
    value: dict[str, Any] = json.loads(content)
    return value


@cache
def s3() -> Any:
    return boto3.client("s3")


@cache
def sagemaker() -> Any:
    return boto3.client("sagemaker")


@cache
def releases() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["RELEASE_TABLE"])
