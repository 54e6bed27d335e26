"""Holds an evaluation against the gate's thresholds and the model now serving."""

from __future__ import annotations

import json
import math
import os
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from lambdas.check_gate.evaluation import Evaluation
from meguru.gate import Thresholds, decide
from meguru.prompt_bound import TEMPLATE_TOKENS
from meguru.refusals import says_missing

EMPTY_CARD = "{}"


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Decide on one run.

    Takes `evaluation_key` (evaluation.json in the lake). Returns `passed`, `reasons`, `notes`, the
    `metrics` as numbers (null for what is none: Step Functions reads JSON), as `metadata` the same
    as text, as model packages keep them, with the number of records that were set aside and what
    the model's chat template writes by itself, and the content of the run's `model_card`, "{}"
    where the evaluation names none.
    """
    key: str = event["evaluation_key"]
    evaluation = Evaluation.read(_read_json(key))
    thresholds = Thresholds(
        minimum=json.loads(os.environ["MINIMUM_METRICS"]),
        maximum_drop=json.loads(os.environ["MAXIMUM_METRIC_DROPS"]),
    )
    serving = _serving_package()
    # Another version may have come to serve since: then its metrics are all there is of it.
    is_compared = serving is not None and serving == evaluation.compared_with
    decision = decide(
        evaluation.metrics,
        thresholds,
        _metrics_of(serving) if serving else None,
        intervals=evaluation.intervals,
        differences=evaluation.differences if is_compared else None,
        leaks=evaluation.leaks,
    )
    return {
        "passed": decision.passed,
        "reasons": list(decision.reasons),
        "notes": list(decision.notes),
        "metrics": {
            name: value if math.isfinite(value) else None
            for name, value in evaluation.metrics.items()
        },
        "metadata": {
            **{name: f"{value:.15g}" for name, value in evaluation.metrics.items()},
            "num_set_aside": str(evaluation.num_set_aside),
            TEMPLATE_TOKENS: evaluation.template_tokens.metadata(),
        },
        "model_card": _model_card(key.rpartition("/")[0], evaluation.model_card),
    }


def _model_card(folder: str, name: str) -> str:
    """The run's model card as the registry takes it: an empty one where there is none to read.

    Only one that the evaluation names is asked for: S3 answers with 403 for what is missing.
    """
    if not name:
        return EMPTY_CARD
    key = f"{folder}/{name}"
    content = s3().get_object(Bucket=os.environ["LAKE_BUCKET"], Key=key)["Body"].read()
    try:
        return json.dumps(json.loads(content), ensure_ascii=False)
    except ValueError:
        return EMPTY_CARD


def _serving_package() -> str | None:
    """The version that serves; None before the first release."""
    release = releases().get_item(Key={"endpoint_name": os.environ["ENDPOINT_NAME"]}).get("Item")
    found = (release or {}).get("released_model_package_arn")
    return str(found) if found else None


def _metrics_of(arn: str) -> dict[str, float] | None:
    """The metrics a version was registered with; None for one that was deleted."""
    package = _describe(arn)
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
