"""An HTTP request as a function URL's event (payload format 2.0), and what the answer means."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from moto.core.request import Request

from localcloud.wire.headers import passed_on

Headers = list[tuple[str, str]]
_TEXT = ("application/json", "application/javascript", "application/xml")
_NOT_PASSED_ON = {"connection", "content-length", "transfer-encoding"}


def url_event(
    request: Request, url_id: str, path: str, now: datetime, body: bytes
) -> dict[str, Any]:
    """The event of a request, `path` being raw; who calls is for the caller to add."""
    headers = {name.lower(): ",".join(values) for name, values in passed_on(request).items()}
    cookies = headers.pop("cookie", "")
    query = request.query_string.decode("latin-1")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": _context(request, url_id, path, now),
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if query:
        event["queryStringParameters"] = _parameters(query)
    return event | _body(body, headers.get("content-type", ""))


def _context(request: Request, url_id: str, path: str, now: datetime) -> dict[str, Any]:
    return {
        "apiId": url_id,
        "domainName": request.host,
        "domainPrefix": url_id,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
            "sourceIp": request.remote_addr or "127.0.0.1",
            "userAgent": request.headers.get("User-Agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": "$default",
        "stage": "$default",
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }


def _parameters(query: str) -> dict[str, str]:
    many: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        many.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in many.items()}


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    if not body:
        return {}
    if _is_text(content_type):
        try:
            return {"body": body.decode()}
        except UnicodeDecodeError:
            pass  # It isn't what it says: as bytes nothing of it is lost.
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _is_text(content_type: str) -> bool:
    plain = content_type.partition(";")[0].strip().lower()
    return plain.startswith("text/") or plain in _TEXT or plain.endswith(("+json", "+xml"))


def read_answer(payload: bytes) -> tuple[int, Headers, bytes]:
    """Status, headers and body. ValueError where the answer can't be one of HTTP."""
    answer = json.loads(payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return 200, [("Content-Type", "application/json")], payload
    status = answer["statusCode"]
    if isinstance(status, bool) or not str(status).isdigit() or not 100 <= int(status) <= 599:
        raise ValueError(f"statusCode isn't a status of HTTP: {status!r}")
    return int(status), _headers(answer), _answer_body(answer)


def _headers(answer: dict[str, Any]) -> Headers:
    named, cookies = answer.get("headers") or {}, answer.get("cookies") or []
    if not isinstance(named, dict) or not isinstance(cookies, list):
        raise ValueError("headers must be an object and cookies a list")
    headers = [(name, _text(value)) for name, value in named.items()]
    headers += [("Set-Cookie", _text(cookie)) for cookie in cookies]
    for name, value in headers:
        # A line break in a header would let a function's input write headers of its own.
        if any(c in name + value for c in "\r\n\0") or not name.isascii() or not name.strip():
            raise ValueError(f"not a header: {name!r}")
    return [(n, v) for n, v in headers if n.lower() not in _NOT_PASSED_ON]


def _answer_body(answer: dict[str, Any]) -> bytes:
    text = _text(answer.get("body")).encode()
    if not answer.get("isBase64Encoded"):
        return text
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"the body isn't base64: {error}") from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise ValueError("the body, a header or a cookie must be text")
    return value if isinstance(value, str) else json.dumps(value)
