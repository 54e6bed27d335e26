"""Starts curation when new objects have arrived in the lake, once for a batch of arrivals."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3

from meguru.fingerprint import fingerprint


def handler(event: dict[str, Any], context: object) -> None:
    """Takes a batch of SQS messages, each an EventBridge `Object Created` event."""
    arrivals = sorted(record["messageId"] for record in event["Records"])
    try:
        stepfunctions().start_execution(
            stateMachineArn=os.environ["CURATION_STATE_MACHINE"],
            # The same batch, delivered again, has the same name and starts nothing twice.
            name=f"new-data-{fingerprint(arrivals)[:32]}",
            input=json.dumps({"reason": "new_data"}),
        )
    except stepfunctions().exceptions.ExecutionAlreadyExists:
        return


@cache
def stepfunctions() -> Any:
    return boto3.client("stepfunctions")
