"""Which pages of others a browser lets read the API's answers (the Fetch standard's CORS)."""

from __future__ import annotations

from collections.abc import Collection

# A page reads no other header of an answer but these.
EXPOSED = (
    "x-request-id",
    "x-inference-id",
    "x-cache",
    "x-model",
    "x-should-retry",
    "retry-after",
    *(
        f"x-ratelimit-{what}-{unit}"
        for unit in ("requests", "tokens")
        for what in ("limit", "remaining", "reset")
    ),
)


def cors_headers(origin: str | None, allowed: Collection[str]) -> dict[str, str]:
    """What an answer says to the browser of a page from `origin`; nothing where none may read."""
    if not allowed:
        return {}
    # A cache between must not give one page's answer to another.
    headers = {"vary": "origin"}
    if origin not in allowed:
        return headers
    exposed = {"access-control-expose-headers": ", ".join(EXPOSED)}
    return {**headers, "access-control-allow-origin": str(origin), **exposed}
