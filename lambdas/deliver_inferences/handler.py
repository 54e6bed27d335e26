"""Delivers the inference table's records to the lake, and tries again what was set aside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.deliver_inferences.delivery_stream import DeliveryStream
from lambdas.deliver_inferences.line import line_of
from lambdas.deliver_inferences.waiting_lines import WaitingLines
from meguru.names import FLAW_METRICS, GUARD_METRIC, METRIC_NAMESPACE, NEW_VERSION

# What is known of every record, and not of every item that somebody could put beside them.
NEEDED = {"inference_id", "created_at", "model", "model_package_arn"}
# What doesn't answer is given up in time to set aside what it should have taken: a function that
# waits until its own end is called again with the same, and comes no further.
IMPATIENT = Config(
    connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"}
)

logger = Logger(service="deliver_inferences")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Takes a batch of the table's stream, or messages of the queue of what was set aside.

    What the stream's lines can't be delivered waits in that queue, from where it is tried again
    until it expires. A line may be delivered twice: its `inference_id` tells.
    """
    is_stream = event["Records"][0]["eventSource"] == "aws:dynamodb"
    failed = deliver(event["Records"]) if is_stream else try_again(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def deliver(changes: list[dict[str, Any]]) -> list[str]:
    """Send the changes' lines to the lake; those that don't get there, to the queue.

    The sequence number of the first that the queue has not taken either: the stream brings it
    again, and all after it. What came before is counted now, and so each record once.
    """
    made = [entry for change in changes if (entry := entry_of(change["dynamodb"]))]
    undelivered = set(put([entry.line for entry in made]))
    left = set(set_aside([entry.line for entry in made if entry.line in undelivered]))
    is_left = [entry.line in left for entry in made]
    first = is_left.index(True) if left else len(made)
    measure([entry.record for entry in made[:first]])
    return [entry.sequence_number for entry in made[first : first + 1]]


def try_again(messages: list[dict[str, Any]]) -> list[str]:
    """The ids of the messages whose lines or records still aren't where they belong."""
    bodies = {message["messageId"]: json.loads(message["body"]) for message in messages}
    lines = {name: body["line"] for name, body in bodies.items() if "line" in body}
    items = {name: body["item"] for name, body in bodies.items() if "item" in body}
    left = set(put(list(lines.values())))
    return [*(name for name, line in lines.items() if line in left), *not_kept(items)]


def not_kept(items: dict[str, dict[str, Any]]) -> list[str]:
    """Put items into the table; the names of those that it did not take."""
    names, failed = list(items), []
    for number, name in enumerate(names):
        try:
            dynamodb().put_item(TableName=os.environ["INFERENCE_TABLE"], Item=items[name])
        except ClientError:
            logger.exception("a record still can't be kept")
            failed.append(name)
        except BotoCoreError:
            logger.exception("the table can't be reached")
            # Each of the others could be waited for in vain.
            return [*failed, *names[number:]]
    return failed


@dataclass(frozen=True)
class Entry:
    """A record as the table's stream brings it, and its line."""

    sequence_number: str
    record: dict[str, Any]
    line: str


def entry_of(change: dict[str, Any]) -> Entry | None:
    """None of what somebody else has put into the table: it is passed over."""
    value_of = TypeDeserializer().deserialize
    record = {name: value_of(value) for name, value in change["NewImage"].items()}
    try:
        if missing := NEEDED - record.keys():
            raise ValueError(f"it has no {', '.join(sorted(missing))}")
        return Entry(change["SequenceNumber"], record, line_of(record, zone()))
    except (TypeError, ValueError, AttributeError):
        logger.exception("an item is no record", item=record.get("inference_id"))
        return None


def measure(records: list[dict[str, Any]]) -> None:
    """Samples for each answer, those of new versions apart too: releases are held against them."""
    for model in dict.fromkeys(record["model"] for record in records):
        of_model = [record for record in records if record["model"] == model]
        _write(of_model, model=model)
        if of_new := [record for record in of_model if record.get("of_new_version")]:
            _write(of_new, model=model, version=NEW_VERSION)


def _write(records: list[dict[str, Any]], **dimensions: str) -> None:
    metrics = EphemeralMetrics(namespace=METRIC_NAMESPACE)
    metrics.add_dimension("environment", os.environ["ENVIRONMENT_NAME"])
    for name, value in dimensions.items():
        metrics.add_dimension(name, value)
    for record in records:
        for name, sample in _samples(record):
            metrics.add_metric(name, MetricUnit.Count, sample)
    metrics.flush_metrics()


def _samples(record: dict[str, Any]) -> Iterator[tuple[str, int]]:
    yield GUARD_METRIC, int(bool(record.get("guard_rule")))
    for flaw, name in FLAW_METRICS.items():
        yield name, int(record.get("flaw") == flaw)


@cache
def zone() -> ZoneInfo:
    return ZoneInfo(os.environ["TIME_ZONE"])


def put(lines: list[str]) -> list[str]:
    """Put lines into the delivery stream; those that were not taken."""
    return DeliveryStream(firehose(), os.environ["INFERENCE_STREAM"]).put(lines)


def set_aside(lines: list[str]) -> list[str]:
    """Have lines wait in the queue; those that it did not take."""
    if lines:
        logger.warning("lines are set aside", number=len(lines))
    return WaitingLines(sqs(), os.environ["INFERENCE_QUEUE"]).add(lines)


@cache
def firehose() -> Any:
    return boto3.client("firehose", config=IMPATIENT)


@cache
def sqs() -> Any:
    return boto3.client("sqs", config=IMPATIENT)


@cache
def dynamodb() -> Any:
    return boto3.client("dynamodb", config=IMPATIENT)
