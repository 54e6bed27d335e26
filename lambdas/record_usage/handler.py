"""Settles reservations to what model servers say in their logs, where their workers did not."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections import defaultdict
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from meguru.billing import Billing
from meguru.ledger import Ledger
from meguru.usage_report import UsageReport
from meguru.variables import variables

logger = Logger(service="record_usage")


def handler(event: dict[str, Any], context: object) -> None:
    """Takes lines of a model server's log, as CloudWatch Logs sends them to its subscribers.

    Most reservations are settled by then. The same lines may come twice, which changes nothing.
    """
    reports: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for line in read_lines(event):
        if report := UsageReport.read(line):
            tokens = (report.prompt_tokens, report.completion_tokens)
            reports[report.book].setdefault(report.reservation_id, tokens)
    for book, tokens_by_id in reports.items():
        if num_settled := ledger().settle_reported(book, tokens_by_id):
            logger.info("reservations settled", book=book, number=num_settled)


def read_lines(event: dict[str, Any]) -> list[str]:
    """The lines of a delivery.

    Source: CloudWatch Logs user guide, "Subscription filters with AWS Lambda".
    """
    delivery = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    return [one["message"] for one in delivery["logEvents"]]


@cache
def ledger() -> Ledger:
    billing = Billing.from_json(variables(__file__)["BILLING"])
    return Ledger(boto3.client("dynamodb"), os.environ["LEDGER_TABLE"], billing)
