"""Which books there are of a month."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meguru.ledger_book import KEY, MONTH, MONTH_INDEX, is_account_book


def consumer_books(client: Any, table_name: str, month: str) -> Iterator[str]:
    """The keys of the consumers' books of a month, `2026-11`."""
    pages = client.get_paginator("query").paginate(
        TableName=table_name,
        IndexName=MONTH_INDEX,
        KeyConditionExpression="#month = :month",
        ExpressionAttributeNames={"#month": MONTH},
        ExpressionAttributeValues={":month": {"S": month}},
    )
    keys = (item[KEY]["S"] for page in pages for item in page["Items"])
    return (key for key in keys if not is_account_book(key))
