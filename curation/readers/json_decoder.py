"""Python's JSON decoder without its silences: keys that are there twice, numbers that are none."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Complaint = tuple[str, str]
# Python's own limit, unless somebody sets another.
MAX_RECURSION = 1000


class _Uncounted(str):
    """A text whose lines no error counts from its beginning: each JSONDecodeError would."""

    __slots__ = ()

    def count(self, *span: Any) -> int:
        return 0

    def rfind(self, *span: Any) -> int:
        return -1


@contextmanager
def _usual_depth() -> Iterator[None]:
    """What is nested too deeply is so whatever limit a library has set for its own needs."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(min(limit, MAX_RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


class Decoder:
    """Decodes one value at a time. Its errors say where (`pos`), but not in which line."""

    def __init__(self) -> None:
        self._complaints: list[Complaint] = []
        self._text, self._uncounted = "", _Uncounted()
        self._decode = json.JSONDecoder(
            object_pairs_hook=self._object, parse_float=self._number, parse_constant=self._number
        ).raw_decode

    def decode(self, text: str, start: int) -> tuple[Any, int, Complaint | None]:
        """The value that begins at `start`, its end, and the reason and detail of a complaint.

        Raises ValueError or RecursionError where there is none.
        """
        self._complaints.clear()
        if text is not self._text:
            self._text, self._uncounted = text, _Uncounted(text)
        with _usual_depth():
            value, end = self._decode(self._uncounted, start)
        return value, end, self._complaints[0] if self._complaints else None

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            num_times = Counter(key for key, _ in pairs)
            twice = next(key for key in value if num_times[key] > 1)
            self._complaints.append(("repeated_key", f"the key '{twice[:40]}' is there twice"))
        return value

    def _number(self, text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            self._complaints.append(("broken_json", f"{text[:40]} is not a number in JSON"))
        return number
