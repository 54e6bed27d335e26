"""Timestamps as Step Functions writes and reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def to_text(when: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: `2026-01-31T00:00:00.000Z`."""
    text = when.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """A timestamp of RFC 3339's profile of ISO 8601 with `T` and a zone; ValueError otherwise."""
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"{text!r} is not a timestamp: write it like 2026-01-31T09:00:00Z")
    return datetime.fromisoformat(text)
