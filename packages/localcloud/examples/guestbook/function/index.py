"""Takes an entry on POST, lists all entries on GET."""

import base64
import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    if event["requestContext"]["http"]["method"] == "POST":
        # What isn't text by its Content-Type, as curl's own isn't, comes in base64.
        body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"]
        entry = {"id": context.aws_request_id, "text": json.loads(body)["text"]}
        table.put_item(Item=entry)
        return {"statusCode": 201, "body": json.dumps(entry, ensure_ascii=False)}
    entries = sorted(item["text"] for item in table.scan()["Items"])
    return {"statusCode": 200, "body": json.dumps(entries, ensure_ascii=False)}
