"""SageMaker's events on the default EventBridge bus."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from localcloud.cloud import Cloud

SOURCE = "aws.sagemaker"


class _EventBus(Protocol):
    def emit(
        self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]
    ) -> object: ...


def emit(cloud: Cloud, detail_type: str, detail: dict[str, Any], arn: str) -> None:
    """Put an event of SageMaker's on the bus, where the cloud has one."""
    if "events" in cloud.services:
        bus = cast(_EventBus, cloud.services["events"])
        bus.emit(SOURCE, detail_type, _plain(detail), [arn])


def _plain(value: Any) -> Any:
    """As JSON, with times in milliseconds since the epoch as SageMaker's events have them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value
