"""Addresses in English, of streets and of Japan's blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STREETS = (
    "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Way|Terrace"
)
_PLACE = r"[A-Z][A-Za-z]{1,20}(?: [A-Z][A-Za-z]{1,20}){0,2}"
_ADDRESS = re.compile(
    # 123 Main Street, Apt 4, Springfield, IL 62704
    rf"(?<![0-9-])[0-9]{{1,5}} (?:[A-Z][a-z]{{1,20}} ){{1,4}}(?:{_STREETS})\b\.?"
    rf"(?:,? (?:Apt|Suite|Unit|#)\.? ?[0-9A-Z]{{1,6}})?(?:, {_PLACE}){{0,2}}"
    r"(?: [0-9]{5}(?:-[0-9]{4})?)?"
    # 1-2-3 Marunouchi, Chiyoda-ku, Tokyo 100-0005
    r"|(?<![0-9-])[0-9]{1,4}(?:-[0-9]{1,4}){1,3},? (?:[A-Z][a-z-]{1,30},? ){0,3}?"
    r"[A-Z][a-z]{1,20}-(?:ku|shi|machi|cho|gun|mura)\b"
    rf"(?:, {_PLACE}){{0,2}}(?:,? [0-9]{{3}}-[0-9]{{4}})?"
)


def find_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where addresses stand in a folded text."""
    return (match.span() for match in _ADDRESS.finditer(text))
