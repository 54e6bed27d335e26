"""A custom resource that keeps the consumers' table as the environment file has it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.declare_consumers.declaration import Declaration
from meguru.custom_resource import answer_event


def handler(event: dict[str, Any], context: object) -> None:
    """Answer CloudFormation's event; the deletion of the stack leaves the table as it is."""
    failure = ""
    if event["RequestType"] != "Delete":
        try:
            declare(event["ResourceProperties"]["Consumers"])
        except (ClientError, BotoCoreError) as error:
            failure = str(error)
    answer_event(event, "declared-consumers", failure)


def declare(consumers: str) -> None:
    """`consumers` is a JSON object: the settings of each by its name."""
    table = boto3.resource("dynamodb").Table(os.environ["CONSUMER_TABLE"])
    Declaration(table, datetime.now(UTC)).declare(json.loads(consumers))
