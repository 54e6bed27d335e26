"""Starts the loop again when enough corrections have come in."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3

from lambdas.start_retraining.pending_corrections import PendingCorrections
from meguru.fingerprint import fingerprint


def handler(event: dict[str, Any], context: object) -> None:
    """Takes a batch of the feedback table's stream; below the threshold nothing happens."""
    arrived = {record["dynamodb"]["Keys"]["feedback_id"]["S"] for record in event["Records"]}
    pending = pending_corrections().ids(arrived)
    if len(pending) < int(os.environ["CORRECTIONS_BEFORE_RETRAINING"]):
        return
    # The same corrections make the same name: a batch that is delivered again starts nothing twice.
    run = f"feedback-{fingerprint(pending)[:32]}"
    start_curation(run)
    pending_corrections().take(pending, run)


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
