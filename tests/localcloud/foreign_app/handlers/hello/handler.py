"""Prices orders and reads books."""

import json
import os

import boto3


def price(event, context):
    return {"title": event.get("title", "?"), "price": event.get("price", 1200)}


def read(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
    item = table.get_item(Key={"isbn": event["pathParameters"]["isbn"]}).get("Item")
    status, body = (200, item) if item else (404, {"message": "no such book"})
    return {"statusCode": status, "body": json.dumps(body, ensure_ascii=False)}
