"""Filter patterns of CloudWatch Logs: which log events match, and what is in them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from localcloud.log_filters.delimited import delimited_pattern
from localcloud.log_filters.expressions import regular_expression
from localcloud.log_filters.json_events import json_pattern

# The value of `$.field` or `$name` in an event; None where it has none.
Fields = Callable[[str], Any]
# Looks at an event's message: its fields where it matches, else None.
Pattern = Callable[[str], Fields | None]

_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"%\[\]{}()]+))(?=\s|$)')


@lru_cache(maxsize=1024)
def parse_pattern(text: str) -> Pattern:
    """The pattern of its text. ValueError says what of it isn't understood."""
    stripped = text.strip()
    if stripped.startswith("{"):
        return json_pattern(stripped)
    if stripped.startswith("["):
        return delimited_pattern(stripped)
    if stripped.startswith("%"):
        wanted = regular_expression(stripped)
        return _plain(lambda message: wanted.search(message) is not None)
    return _plain(_terms(stripped))


def _plain(matches: Callable[[str], bool]) -> Pattern:
    return lambda message: _no_field if matches(message) else None


def _no_field(name: str) -> None:
    """Events that are neither JSON nor delimited have no fields."""


def _terms(text: str) -> Callable[[str], bool]:
    """All of the plain terms and none of the excluded; optional ones count where none is plain."""
    terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise ValueError(f"Invalid filter pattern: not a term: {text[position:].strip()}")
        sign, quoted, bare = found.groups()
        term = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        terms[sign].append(term)
        position = found.end()
    wanted, optional, excluded = terms[""], terms["?"], terms["-"]

    def matches(message: str) -> bool:
        if any(term in message for term in excluded):
            return False
        if wanted or not optional:
            return all(term in message for term in wanted)
        return any(term in message for term in optional)

    return matches
