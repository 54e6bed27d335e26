"""A call's response as a state sees it: PascalCase names, JSON values only."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.workflows import timestamps
from localcloud.workflows.integrations.resource import Resource
from localcloud.workflows.integrations.service_names import java_name, pascal_name


def to_state(response: dict[str, Any], resource: Resource) -> dict[str, Any]:
    """The result of a call.

    AWS SDK integrations give timestamps as ISO 8601 text, optimized ones as milliseconds and,
    beside the operation's own members, `SdkHttpMetadata` and `SdkResponseMetadata`.
    """
    result = members(response, resource, resource.operation)
    return {**result, **_metadata(response)} if resource.optimized else result


def members(response: dict[str, Any], resource: Resource, operation: str) -> dict[str, Any]:
    """The members of an operation of the resource's service, without metadata."""
    shape = resource.model.service_model.operation_model(operation).output_shape
    if shape is None:
        return {}
    return dict(_Reading(resource).structure(response, shape))


class _Reading:
    def __init__(self, resource: Resource) -> None:
        self.is_optimized = resource.optimized is not None
        self.name = pascal_name if self.is_optimized else java_name

    def structure(self, value: dict[str, Any], shape: StructureShape) -> dict[str, Any]:
        return {
            self.name(name): self.value(item, shape.members[name])
            for name, item in value.items()
            if name in shape.members
        }

    def value(self, value: Any, shape: Shape) -> Any:
        if isinstance(shape, StructureShape) and isinstance(value, dict):
            return self.structure(value, shape)
        if isinstance(shape, ListShape) and isinstance(value, list):
            return [self.value(item, shape.member) for item in value]
        if isinstance(shape, MapShape) and isinstance(value, dict):
            return {key: self.value(item, shape.value) for key, item in value.items()}
        return self._leaf(value)

    def _leaf(self, value: Any) -> Any:
        if isinstance(value, datetime):
            milliseconds = int(value.timestamp() * 1000)
            return milliseconds if self.is_optimized else timestamps.to_text(value)
        if hasattr(value, "read"):
            value = value.read()
        if isinstance(value, bytes | bytearray):
            return bytes(value).decode(errors="replace")
        if isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() else float(value)
        return value


def _metadata(response: dict[str, Any]) -> dict[str, Any]:
    metadata = response.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": metadata.get("HTTPStatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": metadata.get("RequestId", "")},
    }
