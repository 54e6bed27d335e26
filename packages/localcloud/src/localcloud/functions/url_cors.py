"""The CORS headers that Lambda answers by a function URL's configuration.

https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html
"""

from __future__ import annotations

from typing import Any

from moto.core.request import Request

from localcloud.functions.url_events import Headers


def is_preflight(request: Request) -> bool:
    """Whether a browser asks whether it may ask: the function isn't invoked for that."""
    asked = "Access-Control-Request-Method" in request.headers
    return request.method == "OPTIONS" and "Origin" in request.headers and asked


def preflight_headers(cors: dict[str, Any], request: Request) -> Headers:
    headers = _origin(cors, request)
    if not headers:
        return []
    for member in ("AllowMethods", "AllowHeaders"):
        if cors.get(member):
            name = f"Access-Control-Allow-{member.removeprefix('Allow')}"
            headers.append((name, ",".join(cors[member])))
    if cors.get("MaxAge"):
        headers.append(("Access-Control-Max-Age", str(cors["MaxAge"])))
    return headers


def answer_headers(cors: dict[str, Any] | None, request: Request, headers: Headers) -> Headers:
    """A function's headers, its own on CORS replaced where the URL has a configuration."""
    if not cors:
        return headers
    rest = [(n, v) for n, v in headers if not n.lower().startswith("access-control-")]
    own = _origin(cors, request)
    if own and cors.get("ExposeHeaders"):
        own.append(("Access-Control-Expose-Headers", ",".join(cors["ExposeHeaders"])))
    return rest + own


def _origin(cors: dict[str, Any], request: Request) -> Headers:
    origin = request.headers.get("Origin")
    allowed = cors.get("AllowOrigins") or []
    if origin is None or not any(_matches(origin, pattern) for pattern in allowed):
        return []
    with_credentials = bool(cors.get("AllowCredentials"))
    # With credentials a browser takes no `*` for an answer.
    everyone = "*" in allowed and not with_credentials
    headers = [("Access-Control-Allow-Origin", "*" if everyone else origin), ("Vary", "Origin")]
    if with_credentials:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    return headers


def _matches(origin: str, pattern: str) -> bool:
    return pattern == "*" or origin.lower() == pattern.lower()
