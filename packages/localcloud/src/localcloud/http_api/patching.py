"""API Gateway's patch operations: JSON Patch with string values, applied to a record."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from localcloud.calls import ServiceError

_BOOLEANS = {
    "apiKeyRequired", "cacheClusterEnabled", "cacheDataEncrypted", "cachingEnabled",
    "dataTraceEnabled", "disableExecuteApiEndpoint", "enabled", "insecureSkipVerification",
    "metricsEnabled", "requireAuthorizationForCacheControl", "tracingEnabled", "useStageCache",
    "validateRequestBody", "validateRequestParameters",
}  # fmt: skip
_INTEGERS = {
    "authorizerResultTtlInSeconds", "burstLimit", "cacheTtlInSeconds", "limit",
    "minimumCompressionSize", "offset", "throttlingBurstLimit", "timeoutInMillis",
}  # fmt: skip
_NUMBERS = {"percentTraffic", "rateLimit", "throttlingRateLimit"}


def bad_request(message: str) -> ServiceError:
    return ServiceError("BadRequestException", message, 400)


def path_parts(path: str) -> list[str]:
    """A patch path's parts, `~1` and `~0` undone (RFC 6901)."""
    if not path.startswith("/"):
        raise bad_request(f"Invalid patch path {path}: it must start with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]


def typed(name: str, value: Any) -> Any:
    """`value`, a patch's string, as the member `name` holds it."""
    if value is None or not isinstance(value, str):
        return value
    try:
        if name in _BOOLEANS:
            return {"true": True, "false": False}[value.lower()]
        if name in _INTEGERS:
            return int(value)
        if name in _NUMBERS:
            return float(value)
    except (KeyError, ValueError):
        raise bad_request(f"Invalid value {value!r} for {name}") from None
    return value


def patched(
    record: dict[str, Any], operations: Iterable[dict[str, Any]], members: Iterable[str]
) -> dict[str, Any]:
    """A copy of `record` with the operations applied; only `members` may be named at the root."""
    result = copy.deepcopy(record)
    allowed = set(members)
    for operation in operations:
        parts = path_parts(operation.get("path", ""))
        if parts[0] not in allowed:
            raise bad_request(
                f"Invalid patch path {operation['path']}: "
                f"must be one of {', '.join('/' + name for name in sorted(allowed))}"
            )
        _apply(result, parts, operation)
    return result


def _apply(record: dict[str, Any], parts: list[str], operation: dict[str, Any]) -> None:
    verb = operation.get("op")
    if verb not in ("add", "replace", "remove"):
        raise bad_request(f"Patch operation {verb!r} is not supported here: add, replace, remove")
    parent: Any = record
    for index, part in enumerate(parts[:-1]):
        if isinstance(parent.get(part), list):
            _apply_to_list(parent, part, parts[index + 1], verb, operation.get("value"))
            return
        parent = parent.setdefault(part, {})
        if not isinstance(parent, dict):
            raise bad_request(f"Invalid patch path {operation['path']}")
    _apply_to_member(parent, parts[-1], verb, operation.get("value"))


def _apply_to_member(parent: dict[str, Any], name: str, verb: str, value: Any) -> None:
    if isinstance(parent.get(name), list):
        _apply_to_list(parent, name, None, verb, value)
    elif verb == "remove":
        parent.pop(name, None)
    else:
        parent[name] = typed(name, value)


def _apply_to_list(
    parent: dict[str, Any], name: str, element: str | None, verb: str, value: Any
) -> None:
    """Lists of strings are patched by element, in the path or as the value."""
    items: list[Any] = list(parent[name])
    if element in (None, "-"):
        element = value
    if verb == "remove":
        items = [] if element is None else [item for item in items if item != element]
    elif verb == "replace" and isinstance(value, str) and value.startswith("["):
        items = json.loads(value)
    else:
        new = value if value is not None else element
        items = [item for item in items if item != element] + [new]
    parent[name] = items
