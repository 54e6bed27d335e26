"""SageMaker's events on the default EventBridge bus."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from localcloud.account import Account

SOURCE = "aws.sagemaker"


def emit(account: Account, detail_type: str, detail: dict[str, Any], arn: str) -> None:
    """Put an event of SageMaker's on the bus."""
    account.events.emit(SOURCE, detail_type, _plain(detail), [arn])


def _plain(value: Any) -> Any:
    """As JSON, with times in milliseconds since the epoch as SageMaker's events have them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value
