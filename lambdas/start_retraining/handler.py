"""Asks for curation when enough answers were corrected or voted on."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import cache
from typing import Any

import boto3

from meguru.events import FEEDBACK
from meguru.pending_feedback import PendingFeedback
from meguru.records import FEEDBACK_KINDS
from meguru.variables import variables


def handler(event: dict[str, Any], context: object) -> None:
    """Takes a batch of the feedback table's stream.

    Nothing happens until as many of some model's answers were corrected, or voted on, as its
    threshold, however often each. Then curation is asked for, by each batch until a dataset version
    has what is pending: to ask twice is to ask once. That version has all feedback, and every model
    is trained on it.
    """
    arrived = {record["dynamodb"]["Keys"]["feedback_id"]["S"] for record in event["Records"]}
    thresholds: dict[str, dict[str, int | None]] = json.loads(
        variables(__file__)["FEEDBACK_BEFORE_RETRAINING"]
    )
    if any(
        is_enough(Counter(pending.answers(arrived).values()), thresholds[kind])
        for kind, pending in pending_feedback().items()
        if kind in thresholds
    ):
        sqs().send_message(
            QueueUrl=os.environ["LOOKS_QUEUE"], MessageBody=json.dumps({"look": FEEDBACK})
        )


def is_enough(answers: Counter[str], thresholds: dict[str, int | None]) -> bool:
    """Whether the answers of some model, by its name in the API, reach its threshold."""
    # What is said of a model that is not served any more is learnt too.
    lowest = min(number for number in thresholds.values() if number)
    needed = {model: thresholds.get(model, lowest) for model in answers}
    return any(number and answers[model] >= number for model, number in needed.items())


@cache
def sqs() -> Any:
    return boto3.client("sqs")


@cache
def pending_feedback() -> dict[str, PendingFeedback]:
    table = boto3.resource("dynamodb").Table(os.environ["FEEDBACK_TABLE"])
    index = os.environ["PENDING_INDEX"]
    return {kind: PendingFeedback(table, index, kind) for kind in FEEDBACK_KINDS}
