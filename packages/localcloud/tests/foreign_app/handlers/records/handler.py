"""Copies the books table's changes to the index, word by word."""

from __future__ import annotations

import os
from typing import Any

import boto3


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
    failures = []
    for record in event["Records"]:
        book = record["dynamodb"].get("NewImage", {})
        if "title" in book:
            for word in book["title"]["S"].split():
                if word == "burn":
                    failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
                    return {"batchItemFailures": failures}
                table.put_item(Item={"word": word, "isbn": book["isbn"]["S"]})
    return {"batchItemFailures": failures}
