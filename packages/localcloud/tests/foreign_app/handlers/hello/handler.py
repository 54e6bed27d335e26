"""Prices orders and reads books."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3


def price(event: dict[str, Any], context: object) -> dict[str, Any]:
    return {"title": event.get("title", "?"), "price": event.get("price", 1200)}


def read(event: dict[str, Any], context: object) -> dict[str, Any]:
    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
    item = table.get_item(Key={"isbn": event["pathParameters"]["isbn"]}).get("Item")
    status, body = (200, item) if item else (404, {"message": "no such book"})
    return {"statusCode": status, "body": json.dumps(body, ensure_ascii=False)}
