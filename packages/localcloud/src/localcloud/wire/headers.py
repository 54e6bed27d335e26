"""The headers of a request as it is handed on: to functions, authorizers and mappings.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable

from moto.core.request import Request

from localcloud.wire.server import SENT_HEADERS

# They are about one connection, not about the request.
_DROPPED = {
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


def passed_on(request: Request) -> dict[str, list[str]]:
    """Each header's values, by its name as the client first wrote it, and what AWS adds."""
    headers = _by_name(request.environ.get(SENT_HEADERS) or request.headers.items())
    sender = request.remote_addr or "127.0.0.1"
    before = [value for name, values in headers.items() if _is_for(name) for value in values]
    headers = {name: values for name, values in headers.items() if not _is_for(name)}
    named = {name.lower() for name in headers}
    added = {
        "X-Amzn-Trace-Id": f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}",
        "X-Forwarded-For": ", ".join([*before, sender]),
        "X-Forwarded-Port": str(request.environ.get("SERVER_PORT", "")),
        "X-Forwarded-Proto": request.scheme,
    }
    return headers | {n: [v] for n, v in added.items() if n.lower() not in named}


def _is_for(name: str) -> bool:
    return name.lower() == "x-forwarded-for"


def _by_name(sent: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    spelled: dict[str, str] = {}
    headers: dict[str, list[str]] = {}
    for name, value in sent:
        if name.lower() not in _DROPPED:
            headers.setdefault(spelled.setdefault(name.lower(), name), []).append(value)
    return headers
