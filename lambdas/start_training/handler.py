"""Starts a training on rows that the model was not tried on, or not with today's code."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3

from lambdas.start_training.newest_version import NewestVersion, newest_version
from meguru.events import CLOCK, COMMIT, ENDED, TRAINING_PUT_OFF, event_source
from meguru.names import training_claim, tried_rows
from meguru.run_claim import Item, RunClaim


def handler(event: dict[str, Any], context: object) -> None:
    """Takes `look`: `curated`, `ended` (an execution of the model's training), `commit` or `clock`.

    None of them says what to train on: that is in the lake, and what with, which was deployed. One
    execution runs at a time; what has changed meanwhile is taken up when it ends.
    """
    newest = newest_version(s3(), os.environ["LAKE_BUCKET"])
    turn = claim()
    item = turn.read()
    # An execution keeps what came of it before it ends: so first this, then what was tried.
    if newest is None or turn.is_taken(item) or was_tried(newest):
        return
    today = datetime.now(UTC).date().isoformat()
    runs_today = int(item["num_runs"]) if item.get("runs_on") == today else 0
    code = os.environ["TRAINING_CODE"]
    is_known = item.get("dataset_rows") == newest.rows
    is_same = is_known and item.get("training_code", "") == code
    if is_same and not takes_up_again(event["look"], runs_today):
        return
    if runs_today >= int(os.environ["MAX_RUNS_PER_DAY"]):
        put_off(turn, item, newest, today)
        return
    reason = COMMIT if is_known and not is_same else newest.reason
    detail = {**vars(newest), "dataset": os.environ["DATASET"], "reason": reason}
    turn.take(
        item,
        {"detail": detail},
        dataset_rows=newest.rows,
        training_code=code,
        runs_on=today,
        num_runs=runs_today + 1,
    )


def takes_up_again(look: str, runs_today: int) -> bool:
    """Whether rows are tried again whose last run has failed.

    At once where somebody asks, by the clock on another day; its own end would try it forever, and
    a commit that has changed nothing for nothing.
    """
    return look not in (ENDED, COMMIT) and not (look == CLOCK and runs_today)


def was_tried(newest: NewestVersion) -> bool:
    """Whether a run on these rows, with the code of today, was registered or refused.

    One that a person started knows the version alone.
    """
    model, code = os.environ["MODEL"], os.environ["TRAINING_CODE"]
    keys = {tried_rows(model, of, code) for of in (newest.rows, newest.version)}
    return any("Item" in table().get_item(Key={"name": key}, ConsistentRead=True) for key in keys)


def put_off(turn: RunClaim, item: Item, newest: NewestVersion, today: str) -> None:
    """Tell once a day that rows wait for the next one."""
    if item.get("put_off_on") == today or not turn.change(item, {"put_off_on": today}):
        return
    detail = {
        "model": os.environ["MODEL"],
        "dataset_version": newest.version,
        "max_runs_per_day": int(os.environ["MAX_RUNS_PER_DAY"]),
    }
    events().put_events(
        Entries=[
            {
                "Source": event_source(os.environ["ENVIRONMENT_NAME"]),
                "DetailType": TRAINING_PUT_OFF,
                "Detail": json.dumps(detail),
            }
        ]
    )


@cache
def claim() -> RunClaim:
    name = training_claim(os.environ["MODEL"])
    states = boto3.client("stepfunctions")
    return RunClaim(table(), states, os.environ["TRAINING_STATE_MACHINE"], name)


@cache
def table() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["LOOP_TABLE"])


@cache
def s3() -> Any:
    return boto3.client("s3")


@cache
def events() -> Any:
    return boto3.client("events")
