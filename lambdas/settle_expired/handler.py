"""Settles what dead workers left open in the ledger, and measures how much of the budget is used.

By a schedule: a worker that is gone says nothing.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.exceptions import ClientError

from meguru.billing import Billing
from meguru.endpoint_logs import EndpointLogs
from meguru.ledger import LIFETIME_SECONDS, Ledger
from meguru.ledger_book import account_book
from meguru.ledger_books import consumer_books
from meguru.names import BUDGET_METRIC, METRIC_NAMESPACE
from meguru.variables import variables

logger = Logger(service="settle_expired")


def handler(event: dict[str, Any], context: object) -> None:
    """Takes nothing: what there is to do stands in the books.

    A book that can't be settled stops no other; the function fails after them, and is seen to.
    """
    now = datetime.now(UTC)
    failures: list[ClientError] = []
    # What was reserved at the end of a month stands in that one's books.
    earlier = now - timedelta(seconds=2 * LIFETIME_SECONDS)
    for month in sorted({billing().period(moment).month for moment in (earlier, now)}):
        for key in consumer_books(dynamodb(), os.environ["LEDGER_TABLE"], month):
            try:
                book = ledger().read(key)
                if num_settled := ledger().settle_expired(book, endpoint_logs().usage):
                    logger.warning("reservations expired", book=key, number=num_settled)
            except ClientError as error:
                logger.exception("a book can't be settled", book=key)
                failures.append(error)
    measure_budget(now)
    if failures:
        raise failures[0]


def measure_budget(now: datetime) -> None:
    """A sample of the limit of the account that is nearest, where it has one."""
    period = billing().period(now)
    book = ledger().read(account_book(period.month))
    limits = billing().budget_limits(period)
    if not limits:
        return
    used = max(100 * book.number(limit.attribute) / limit.most for limit in limits)
    with single_metric(
        BUDGET_METRIC, MetricUnit.Percent, used, namespace=METRIC_NAMESPACE
    ) as metric:
        metric.add_dimension("environment", os.environ["ENVIRONMENT_NAME"])


@cache
def billing() -> Billing:
    return Billing.from_json(variables(__file__)["BILLING"])


@cache
def ledger() -> Ledger:
    return Ledger(dynamodb(), os.environ["LEDGER_TABLE"], billing())


@cache
def endpoint_logs() -> EndpointLogs:
    return EndpointLogs(boto3.client("logs"), json.loads(variables(__file__)["LOG_GROUPS"]))


@cache
def dynamodb() -> Any:
    return boto3.client("dynamodb")
