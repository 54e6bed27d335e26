"""Tells a queue which object has arrived."""

import os
from urllib.parse import unquote_plus

import boto3


def handle(event, context):
    sqs = boto3.client("sqs")
    for record in event["Records"]:
        key = unquote_plus(record["s3"]["object"]["key"])
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=key)
