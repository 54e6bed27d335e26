"""What an integration answers, before the front makes an HTTP response of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

Headers = list[tuple[str, str]]

# API Gateway keeps these for itself and passes an integration's own on under another name.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
_REMAPPED = {
    "authorization", "connection", "content-length", "content-md5", "date", "expect", "host",
    "max-forwards", "proxy-authenticate", "server", "te", "transfer-encoding", "trailer",
    "upgrade", "www-authenticate",
}  # fmt: skip
_DROPPED = {"connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade"}


@dataclass
class Answer:
    """Status, headers in order, and a body: bytes, or chunks as they come."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes | Iterable[bytes] = b""


def passed_on(headers: Headers) -> Headers:
    """A proxy integration's headers as the client gets them."""
    return [(_remapped(name), value) for name, value in headers if name.lower() not in _DROPPED]


def _remapped(name: str) -> str:
    return f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name
