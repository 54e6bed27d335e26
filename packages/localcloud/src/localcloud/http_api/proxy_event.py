"""The event of a Lambda proxy integration, and what the function's answer means.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import binascii
import json
from fnmatch import fnmatchcase
from typing import Any

from localcloud.http_api.answers import Answer, Headers
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.gateway_responses import GatewayError

_ANSWER_MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


def proxy_event(exchange: Exchange) -> dict[str, Any]:
    """The event in payload format version 1.0."""
    return {**request_event(exchange), **_body(exchange)}


def request_event(exchange: Exchange) -> dict[str, Any]:
    """All of the event but the body: what a REQUEST authorizer gets too."""
    route, headers, query = exchange.matched, exchange.headers, exchange.query
    return {
        "resource": route.resource["path"],
        "path": exchange.path,
        "httpMethod": exchange.http_method,
        "headers": {name: values[-1] for name, values in headers.items()} or None,
        "multiValueHeaders": headers or None,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": route.path_parameters or None,
        "stageVariables": exchange.stage_variables or None,
        "requestContext": exchange.context,
    }


def _body(exchange: Exchange) -> dict[str, Any]:
    body = exchange.body
    content_type = exchange.header("Content-Type") or ""
    if body and is_binary(exchange, content_type):
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return {"body": exchange.text_body if body else None, "isBase64Encoded": False}


def is_binary(exchange: Exchange, media_type: str) -> bool:
    """Whether the API's binaryMediaTypes name the media type."""
    plain = media_type.split(";")[0].strip().lower()
    patterns = exchange.snapshot.settings.get("binaryMediaTypes") or []
    return any(fnmatchcase(plain or "application/json", p.lower()) for p in patterns)


def read_answer(payload: bytes, exchange: Exchange) -> Answer:
    """What a function's result means; a malformed one is a 502."""
    try:
        result = json.loads(payload)
    except ValueError:
        raise malformed() from None
    if not isinstance(result, dict) or set(result) - _ANSWER_MEMBERS:
        raise malformed()
    headers = _headers(result)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return Answer(_status(result.get("statusCode")), headers, _answer_body(result, exchange))


def malformed() -> GatewayError:
    """A function's answer that is no proxy response."""
    return GatewayError("INTEGRATION_FAILURE", "Internal server error", 502)


def _status(value: Any) -> int:
    if value is None:
        return 200
    if isinstance(value, bool) or not str(value).isdigit() or not 100 <= int(value) <= 599:
        raise malformed()
    return int(value)


def _headers(result: dict[str, Any]) -> Headers:
    """Single headers, then those of many values, which win where both name one."""
    single, multi = result.get("headers") or {}, result.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(multi, dict):
        raise malformed()
    named = {name.lower() for name in multi}
    headers = [(n, _scalar(v)) for n, v in single.items() if n.lower() not in named]
    for name, values in multi.items():
        if not isinstance(values, list):
            raise malformed()
        headers.extend((name, _scalar(value)) for value in values)
    return [(name, value) for name, value in headers if _sendable(name, value)]


def _sendable(name: str, value: str) -> bool:
    # A line break in a header would let a function's input write headers of its own.
    if any(c in name + value for c in "\r\n\0") or not name.isascii() or not name.strip():
        raise malformed()
    return True


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise malformed()
    return str(value)


def _answer_body(result: dict[str, Any], exchange: Exchange) -> bytes:
    text = _scalar(result.get("body")).encode()
    accept = (exchange.header("Accept") or "").split(",")[0]
    if not result.get("isBase64Encoded") or not is_binary(exchange, accept or "*/*"):
        return text
    try:
        return base64.b64decode(text)
    except binascii.Error:
        raise malformed() from None
