"""Pages of a list, as AWS's list operations give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from localcloud.calls import ServiceError

Item = TypeVar("Item")


def page(
    items: Sequence[Item], limit: int | None, token: str | None
) -> tuple[list[Item], dict[str, Any]]:
    """One page, and the `NextToken` member where more follows. ValidationException: bad token."""
    start = 0
    if token:
        if not token.isdecimal() or int(token) > len(items):
            raise ServiceError("ValidationException", f"NextToken {token!r} isn't one of ours")
        start = int(token)
    end = min(start + (limit or 100), len(items))
    return list(items[start:end]), {"NextToken": str(end)} if end < len(items) else {}
