"""Starts curation where something asks for it and no execution is at it."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3

from meguru.events import CLOCK, NEW_DATA
from meguru.names import CURATION_CLAIM
from meguru.run_claim import RunClaim


def handler(event: dict[str, Any], context: object) -> None:
    """Takes a batch of the queue: events of objects, and messages whose `look` says why.

    Each batch is one request. An execution that runs sees it before it ends; where none runs, one
    is started. The clock asks for nothing new: it takes up what a failed execution has left.
    """
    looks = [json.loads(record["body"]).get("look", NEW_DATA) for record in event["Records"]]
    reasons = [look for look in looks if look != CLOCK]
    turn = claim()
    item = turn.request(reasons[0]) if reasons else turn.read()
    if item.get("requests", 0) == item.get("curated", 0) or turn.is_taken(item):
        return
    # Where nobody has had the turn, who has asked for it is about to take it.
    retry = not reasons and "claimed_by" in item
    reason = "retry" if retry else item["look"]
    turn.take(item, {"reason": reason, "requests": int(item["requests"])})


@cache
def claim() -> RunClaim:
    table = boto3.resource("dynamodb").Table(os.environ["LOOP_TABLE"])
    states = boto3.client("stepfunctions")
    return RunClaim(table, states, os.environ["CURATION_STATE_MACHINE"], CURATION_CLAIM)
