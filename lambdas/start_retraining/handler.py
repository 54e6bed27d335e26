"""Starts the loop again when enough corrections have come in."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import cache
from typing import Any

import boto3

from lambdas.start_retraining.pending_corrections import PendingCorrections
from meguru.fingerprint import fingerprint


def handler(event: dict[str, Any], context: object) -> None:
    """Takes a batch of the feedback table's stream.

    Nothing happens until some model's corrections are as many as its threshold; then all that are
    pending go into the next dataset version, which every model is trained on.
    """
    arrived = {record["dynamodb"]["Keys"]["feedback_id"]["S"] for record in event["Records"]}
    corrected = pending_corrections().models(arrived)
    if not is_enough(Counter(corrected.values())):
        return
    pending = sorted(corrected)
    # The same corrections make the same name: a batch that is delivered again starts nothing twice.
    run = f"feedback-{fingerprint(pending)[:32]}"
    start_curation(run)
    pending_corrections().take(pending, run)


def is_enough(corrections: Counter[str]) -> bool:
    """Whether the corrections of some model, by its name in the API, reach its threshold."""
    thresholds: dict[str, int] = json.loads(os.environ["CORRECTIONS_BEFORE_RETRAINING"])
    # Those of a model that is not served any more are learnt too.
    lowest = min(thresholds.values())
    return any(count >= thresholds.get(model, lowest) for model, count in corrections.items())


def start_curation(run: str) -> None:
    try:
        stepfunctions().start_execution(
            stateMachineArn=os.environ["CURATION_STATE_MACHINE"],
            name=run,
            input=json.dumps({"reason": "feedback"}),
        )
    except stepfunctions().exceptions.ExecutionAlreadyExists:
        return


@cache
def stepfunctions() -> Any:
    return boto3.client("stepfunctions")


@cache
def pending_corrections() -> PendingCorrections:
    table = boto3.resource("dynamodb").Table(os.environ["FEEDBACK_TABLE"])
    return PendingCorrections(table, os.environ["PENDING_INDEX"])
