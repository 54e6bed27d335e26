"""Pages of a list: a token is where the next page begins."""

from __future__ import annotations

from typing import Any

from localcloud.calls import Request, ServiceError


def page(
    items: list[dict[str, Any]], request: Request, member: str, default: int = 100
) -> dict[str, Any]:
    """The page a request asks for with `maxResults` (0: the default) and `nextToken`."""
    token = request.get("nextToken", "0")
    if not token.isdecimal():
        raise ServiceError("InvalidToken", f"Invalid Token: '{token}'")
    start = int(token)
    end = start + (request.get("maxResults") or default)
    more = {"nextToken": str(end)} if end < len(items) else {}
    return {member: items[start:end], **more}
