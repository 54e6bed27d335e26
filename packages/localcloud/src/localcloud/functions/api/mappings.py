"""Operations on event source mappings."""

from __future__ import annotations

import json
from typing import Any

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.events.patterns import check
from localcloud.functions.api.parts import LambdaParts, conflict, invalid
from localcloud.functions.delivery import check_destination
from localcloud.functions.function import reference

_KINDS = {"sqs": "queues", "dynamodb": "DynamoDB streams"}
_COPIED = (
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FilterCriteria",
    "FunctionResponseTypes",
    "ScalingConfig",
    "StartingPosition",
    "ParallelizationFactor",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "MetricsConfig",
)
_DEFAULT_BATCH_SIZE = {"sqs": 10, "dynamodb": 100}
_STREAM_DEFAULTS = {
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "ParallelizationFactor": 1,
}


class MappingOperations(LambdaParts):
    def create_event_source_mapping(self, request: Request, caller: Caller) -> Response:
        kind = _source_kind(request)
        arn = self._function_arn(request["FunctionName"])
        for mapping in self.mappings.all():
            same = (mapping["EventSourceArn"], mapping["FunctionArn"])
            if same == (request["EventSourceArn"], arn):
                raise conflict(
                    f"An event source mapping with {same[0]} and {same[1]} already exists. "
                    f"Please update or delete the existing mapping with UUID {mapping['UUID']}"
                )
        _check_settings(request, kind)
        defaults = _STREAM_DEFAULTS if kind == "dynamodb" else {}
        mapping = {
            "BatchSize": _DEFAULT_BATCH_SIZE[kind],
            "MaximumBatchingWindowInSeconds": 0,
            **defaults,
            **_copied(request),
            "EventSourceArn": request["EventSourceArn"],
            "FunctionArn": arn,
        }
        return self.mappings.add(mapping, request.get("Enabled", True), request.get("Tags", {}))

    def update_event_source_mapping(self, request: Request, caller: Caller) -> Response:
        mapping = self.mappings.found(request["UUID"])
        changes = _copied(request)
        if "FunctionName" in request:
            changes["FunctionArn"] = self._function_arn(request["FunctionName"])
        kind = mapping["EventSourceArn"].split(":")[2]
        _check_settings({**mapping, **changes}, kind)
        enabled = request.get("Enabled", mapping["State"] == "Enabled")
        return self.mappings.change(request["UUID"], changes, enabled)

    def get_event_source_mapping(self, request: Request, caller: Caller) -> Response:
        return self.mappings.described(request["UUID"])

    def delete_event_source_mapping(self, request: Request, caller: Caller) -> Response:
        return self.mappings.remove(request["UUID"])

    def list_event_source_mappings(self, request: Request, caller: Caller) -> Response:
        source, function = request.get("EventSourceArn"), request.get("FunctionName")
        arn = self._function_arn(function) if function else None
        return {
            "EventSourceMappings": [
                mapping
                for mapping in self.mappings.all()
                if source in (None, mapping["EventSourceArn"])
                and arn in (None, mapping["FunctionArn"])
            ]
        }

    def _function_arn(self, function_name: str) -> str:
        name, qualifier = reference(function_name)
        self.catalog.version(name, qualifier)
        return self.catalog.function(name).qualified_arn(qualifier)


def _copied(request: Request) -> dict[str, Any]:
    return {name: request[name] for name in _COPIED if request.get(name) is not None}


def _source_kind(request: Request) -> str:
    arn = request.get("EventSourceArn") or ""
    kind = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if kind not in _KINDS:
        what = arn or "a self-managed event source"
        raise invalid(
            f"{what} can't be read here: event sources are {' and '.join(_KINDS.values())}"
        )
    if kind == "dynamodb" and "/stream/" not in arn:
        raise invalid(f"{arn} is a table: name its stream (GetAtt StreamArn)")
    return kind


def _check_settings(settings: dict[str, Any], kind: str) -> None:
    if settings.get("TumblingWindowInSeconds"):
        raise invalid("TumblingWindowInSeconds isn't known here: use a batching window instead")
    if kind == "dynamodb" and settings.get("StartingPosition") not in ("TRIM_HORIZON", "LATEST"):
        raise invalid("StartingPosition must be TRIM_HORIZON or LATEST for a DynamoDB stream")
    size = settings.get("BatchSize") or _DEFAULT_BATCH_SIZE[kind]
    if kind == "sqs" and size > 10 and not settings.get("MaximumBatchingWindowInSeconds"):
        raise invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10"
        )
    _check_filters(settings.get("FilterCriteria") or {})
    if destination := _on_failure(settings):
        check_destination(destination)


def _on_failure(settings: dict[str, Any]) -> str | None:
    found: str | None = (
        (settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
    )
    return found


def _check_filters(criteria: dict[str, Any]) -> None:
    for item in criteria.get("Filters", []):
        try:
            check(json.loads(item["Pattern"]))
        except (ValueError, ServiceError) as error:
            raise invalid(f"Invalid filter pattern definition: {error}") from error
