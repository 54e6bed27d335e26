"""A record as a line of the lake's inference log."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo


def line_of(record: dict[str, Any], zone: ZoneInfo) -> str:
    """The record as JSON, with its day in the company's time zone and its model version's name."""
    line = {name: value for name, value in record.items() if name != "expires_at"} | {
        "dt": datetime.fromisoformat(record["created_at"]).astimezone(zone).date().isoformat(),
        "model_version": model_version(record["model_package_arn"]),
    }
    return json.dumps(line, ensure_ascii=False, default=_whole)


def model_version(model_package_arn: str) -> str:
    """`GROUP-VERSION`, the model package's name without its account; empty where there is none."""
    return "-".join(model_package_arn.split("/")[-2:])


def _whole(value: Any) -> int:
    """DynamoDB's numbers; a record has whole ones only."""
    if isinstance(value, Decimal):
        return int(value)
    raise TypeError(f"a record has no {type(value).__name__}")
