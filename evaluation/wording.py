"""Counts as a sentence says them."""

from __future__ import annotations


def counted(count: int, noun: str, verb: str = "") -> str:
    """`1 document`, `2 documents`; with verb `is` or `was` also `1 document is`."""
    said = f"{count:,} {noun if count == 1 else noun + 's'}"
    plural = {"is": "are", "was": "were", "has": "have"}
    return f"{said} {verb if count == 1 else plural[verb]}" if verb else said
