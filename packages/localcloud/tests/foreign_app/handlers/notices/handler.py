"""Tells a queue which object has arrived."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote_plus

import boto3


def handle(event: dict[str, Any], context: object) -> None:
    sqs = boto3.client("sqs")
    for record in event["Records"]:
        key = unquote_plus(record["s3"]["object"]["key"])
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=key)
