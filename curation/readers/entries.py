"""What a reader finds in a raw object, in the order it stands there."""

from __future__ import annotations

from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A value where a record is expected; `line` is where it begins, counted from 1."""

    line: int
    value: Any


class Broken(NamedTuple):
    """A record that can't be read: the reason to set it aside, and what stood there."""

    line: int
    reason: str
    detail: str
    content: Any


Found = Entry | Broken
