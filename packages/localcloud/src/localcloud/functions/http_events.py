"""API Gateway's proxy events as HTTP requests, and HTTP answers as what a function returns.

What https://github.com/awslabs/aws-lambda-web-adapter does between Lambda and a web server.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from localcloud.functions.invocation import Invocation

PRELUDE_END = b"\0" * 8
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}
_TEXT = ("text/", "application/json", "application/javascript", "application/xml", "+json", "+xml")


@dataclass(frozen=True)
class HttpRequest:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def encode(self, host: str) -> bytes:
        sent = [
            (name, value)
            for name, value in self.headers
            if name.lower() not in _HOP_BY_HOP | {"content-length", "host"}
        ]
        named_host = next((v for n, v in self.headers if n.lower() == "host"), host)
        fields = [("host", named_host), *sent, ("content-length", str(len(self.body)))]
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{n}: {_flat(v)}" for n, v in fields)]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def request_of(invocation: Invocation, env: Mapping[str, str]) -> HttpRequest:
    """The HTTP request of an invocation; an event that is none is posted to AWS_LWA's own path."""
    event = json.loads(invocation.payload or b"{}")
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        path = env.get("AWS_LWA_PASS_THROUGH_PATH", "/events")
        headers = [("content-type", "application/json")]
        return HttpRequest(
            "POST", path, headers + _context({}, invocation, env), invocation.payload
        )
    method, path, query = _line(event, context)
    path = path.removeprefix(env.get("AWS_LWA_REMOVE_BASE_PATH", "")) or "/"
    target = quote(path, safe="/%:@!$&'()*+,;=~-._") + (f"?{query}" if query else "")
    return HttpRequest(
        method, target, _headers(event) + _context(context, invocation, env), _body(event)
    )


def prelude(status: int, headers: list[tuple[str, str]]) -> bytes:
    """The metadata that goes before a streamed HTTP answer."""
    kept, cookies = _split(headers)
    metadata = {"statusCode": status, "headers": kept, "cookies": cookies}
    return json.dumps(metadata, ensure_ascii=False).encode() + PRELUDE_END


def proxy_response(
    status: int, headers: list[tuple[str, str]], body: bytes, event_v2: bool
) -> bytes:
    """A buffered answer as a Lambda proxy integration's response."""
    kept, cookies = _split(headers)
    encoded = dict(headers).get("content-encoding", "identity") != "identity"
    text = None if encoded else _text(kept.get("content-type", ""), body)
    answer: dict[str, Any] = {
        "statusCode": status,
        "headers": kept,
        "body": base64.b64encode(body).decode() if text is None else text,
        "isBase64Encoded": text is None,
    }
    if event_v2:
        answer["cookies"] = cookies
    else:
        many = {**{name: [value] for name, value in kept.items()}}
        answer["multiValueHeaders"] = many | ({"set-cookie": cookies} if cookies else {})
    return json.dumps(answer, ensure_ascii=False).encode()


def _text(content_type: str, body: bytes) -> str | None:
    if content_type and not any(kind in content_type.lower() for kind in _TEXT):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _split(headers: list[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    kept: dict[str, str] = {}
    for name, value in headers:
        if name not in _HOP_BY_HOP | {"set-cookie"}:
            kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept, [value for name, value in headers if name == "set-cookie"]


def _line(event: dict[str, Any], context: dict[str, Any]) -> tuple[str, str, str]:
    if http := context.get("http"):  # payload format 2.0
        return str(http["method"]), str(event.get("rawPath", "/")), event.get("rawQueryString", "")
    return str(event.get("httpMethod", "POST")), str(event.get("path", "/")), _query(event)


def _query(event: dict[str, Any]) -> str:
    many: Mapping[str, Iterable[str]] = event.get("multiValueQueryStringParameters") or {
        name: [value] for name, value in (event.get("queryStringParameters") or {}).items()
    }
    return urlencode([(name, value) for name, values in many.items() for value in values])


def _headers(event: dict[str, Any]) -> list[tuple[str, str]]:
    many: Mapping[str, Iterable[str]] = event.get("multiValueHeaders") or {
        name: [value] for name, value in (event.get("headers") or {}).items()
    }
    headers = [(name, str(value)) for name, values in many.items() for value in values]
    if cookies := event.get("cookies"):
        headers.append(("cookie", "; ".join(cookies)))
    return headers


def _body(event: dict[str, Any]) -> bytes:
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else str(body).encode()


def _context(
    request_context: dict[str, Any], invocation: Invocation, env: Mapping[str, str]
) -> list[tuple[str, str]]:
    lambda_context = {
        "request_id": invocation.request_id,
        "deadline": invocation.deadline_epoch_ms,
        "invoked_function_arn": invocation.function_arn,
        "xray_trace_id": invocation.trace_id,
        "client_context": None,
        "identity": None,
        "env_config": {
            "function_name": env["AWS_LAMBDA_FUNCTION_NAME"],
            "memory": int(env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
            "version": env["AWS_LAMBDA_FUNCTION_VERSION"],
            "log_group": env["AWS_LAMBDA_LOG_GROUP_NAME"],
            "log_stream": env["AWS_LAMBDA_LOG_STREAM_NAME"],
        },
    }
    return [
        ("x-amzn-request-context", json.dumps(request_context)),
        ("x-amzn-lambda-context", json.dumps(lambda_context)),
        ("x-amzn-trace-id", invocation.trace_id),
    ]


def _flat(value: str) -> str:
    # A line break inside a value would end the field.
    return value.replace("\r", " ").replace("\n", " ")
