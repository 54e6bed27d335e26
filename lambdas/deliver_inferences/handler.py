"""Delivers the inference table's records to the lake, and tries again what was set aside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.deliver_inferences.delivery_stream import DeliveryStream
from lambdas.deliver_inferences.line import line_of
from meguru.names import FLAW_METRICS, GUARD_METRIC, METRIC_NAMESPACE, NEW_VERSION

# What a line is made of that not every item could have.
NEEDED = {"inference_id", "created_at", "model", "model_package_arn"}

logger = Logger(service="deliver_inferences")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Takes a batch of the table's stream, or messages of the queue of what was set aside.

    What the stream's lines can't be delivered waits in that queue, from where it is tried again
    until it expires. A line may be delivered twice: its `inference_id` tells.
    """
    if event["Records"][0]["eventSource"] == "aws:dynamodb":
        records = read([record["dynamodb"]["NewImage"] for record in event["Records"]])
        deliver(records)
        # Last: a batch that is tried again is counted once.
        measure(records)
        return {}
    failed = [record["messageId"] for record in event["Records"] if not tried(record["body"])]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def deliver(records: list[dict[str, Any]]) -> None:
    """Send the records' lines to the lake; those that don't get there, to the queue."""
    lines = [line_of(record, zone()) for record in records]
    if undelivered := put(lines):
        logger.warning("lines are set aside", number=len(undelivered))
    for one in undelivered:
        sqs().send_message(
            QueueUrl=os.environ["INFERENCE_QUEUE"],
            MessageBody=json.dumps({"line": one}, ensure_ascii=False),
        )


def tried(body: str) -> bool:
    """Whether a message's record is now where it belongs."""
    message = json.loads(body)
    if "line" in message:
        return not put([message["line"]])
    try:
        dynamodb().put_item(TableName=os.environ["INFERENCE_TABLE"], Item=message["item"])
    except (BotoCoreError, ClientError):
        logger.exception("a record still can't be kept")
        return False
    return True


def read(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records in items of the table; what somebody else has put there is passed over."""
    value_of = TypeDeserializer().deserialize
    records = []
    for item in items:
        record = {name: value_of(value) for name, value in item.items()}
        if record.keys() >= NEEDED:
            records.append(record)
        else:
            logger.error("an item is no record", item=record.get("inference_id"))
    return records


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


@cache
def firehose() -> Any:
    return boto3.client("firehose")


@cache
def sqs() -> Any:
    return boto3.client("sqs")


@cache
def dynamodb() -> Any:
    return boto3.client("dynamodb")
