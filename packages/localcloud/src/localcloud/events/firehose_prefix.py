"""Custom prefixes of Firehose's objects.

Source: "Understand custom prefixes for Amazon S3 objects", Amazon Data Firehose Developer Guide.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from datetime import datetime

_EXPRESSION = re.compile(r"!\{(\w+):([^}]*)\}")
_DEFAULT_TIME = "yyyy/MM/dd/HH/"
# The letters of Java's DateTimeFormatter that name a part of a date or time.
_TIME_PARTS = {
    "yyyy": "%Y",
    "yy": "%y",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "DDD": "%j",
    "EEE": "%a",
    "MMM": "%b",
}


def check_prefix(prefix: str | None, *, allows: tuple[str, ...]) -> None:
    """ValueError names an expression that the prefix can't have.

    `allows` are namespaces: timestamp, firehose, partitionKeyFromQuery, partitionKeyFromLambda.
    """
    for namespace, value in _EXPRESSION.findall(prefix or ""):
        if namespace not in allows:
            raise ValueError(f"a prefix can't have !{{{namespace}:{value}}} here")
        if namespace == "timestamp":
            _formatted(datetime(2000, 1, 1), value)
        elif namespace == "firehose" and value not in ("random-string", "error-output-type"):
            raise ValueError(f"a prefix can't have !{{firehose:{value}}}")


def partition_keys(prefix: str | None) -> set[str]:
    """The names of the partition keys in a prefix."""
    expressions = _EXPRESSION.findall(prefix or "")
    return {value for namespace, value in expressions if namespace.startswith("partitionKey")}


def evaluate(
    prefix: str | None, when: datetime, keys: Mapping[str, str], error_type: str = ""
) -> str:
    """The prefix with its expressions evaluated; without a timestamp the default time follows.

    A custom prefix that has any expression gets no default time, as in AWS.
    """
    prefix = prefix or ""

    def value_of(match: re.Match[str]) -> str:
        namespace, value = match[1], match[2]
        if namespace == "timestamp":
            return _formatted(when, value)
        if namespace == "firehose":
            return _random() if value == "random-string" else error_type
        return keys[value]

    if not _EXPRESSION.search(prefix):
        error = f"{error_type}/" if error_type else ""
        return prefix + error + _formatted(when, _DEFAULT_TIME)
    return _EXPRESSION.sub(value_of, prefix)


def _random() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(11))


def _formatted(when: datetime, pattern: str) -> str:
    """`when` in the subset of Java's DateTimeFormatter that dates and times are written with."""
    out = ""
    for literal, letters, other in _pieces(pattern):
        if letters:
            if letters not in _TIME_PARTS:
                raise ValueError(f"!{{timestamp:{pattern}}}: {letters!r} isn't known here")
            out += when.strftime(_TIME_PARTS[letters])
        else:
            out += literal + other
    return out


def _pieces(pattern: str) -> list[tuple[str, str, str]]:
    found = re.finditer(r"'(?P<literal>[^']*)'|(?P<letters>([A-Za-z])\3*)|(?P<other>.)", pattern)
    return [(m["literal"] or "", m["letters"] or "", m["other"] or "") for m in found]
