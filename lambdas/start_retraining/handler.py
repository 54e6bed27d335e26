"""Asks for curation when enough answers were corrected."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import cache
from typing import Any

import boto3

from meguru.events import FEEDBACK
from meguru.pending_corrections import PendingCorrections


def handler(event: dict[str, Any], context: object) -> None:
    """Takes a batch of the feedback table's stream.

    Nothing happens until as many of some model's answers were corrected as its threshold, however
    often each. Then curation is asked for, by each batch until a dataset version has what is
    pending: to ask twice is to ask once. That version has all corrections, and every model is
    trained on it.
    """
    arrived = {record["dynamodb"]["Keys"]["feedback_id"]["S"] for record in event["Records"]}
    if is_enough(Counter(pending_corrections().answers(arrived).values())):
        sqs().send_message(
            QueueUrl=os.environ["LOOKS_QUEUE"], MessageBody=json.dumps({"look": FEEDBACK})
        )


def is_enough(corrections: Counter[str]) -> bool:
    """Whether the corrected answers of some model, by its name in the API, reach its threshold."""
    thresholds: dict[str, int] = json.loads(os.environ["CORRECTIONS_BEFORE_RETRAINING"])
    # Those of a model that is not served any more are learnt too.
    lowest = min(thresholds.values())
    return any(count >= thresholds.get(model, lowest) for model, count in corrections.items())


@cache
def sqs() -> Any:
    return boto3.client("sqs")


@cache
def pending_corrections() -> PendingCorrections:
    table = boto3.resource("dynamodb").Table(os.environ["FEEDBACK_TABLE"])
    return PendingCorrections(table, os.environ["PENDING_INDEX"])
