"""Wildcards and policy variables in the strings of policies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

# A request's context: key in lower case -> the value or values it has.
Context = Mapping[str, str | Sequence[str]]
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}


class UnknownVariableError(Exception):
    """A policy variable whose context key the request doesn't have."""


def has_variable(pattern: str) -> bool:
    """Whether `pattern` has a policy variable, so that it means something else each time."""
    return "${" in pattern


@lru_cache(maxsize=8192)
def wildcard(pattern: str, ignore_case: bool = False) -> re.Pattern[str]:
    """`*` stands for any characters, `?` for exactly one."""
    return _compiled(_glob(pattern), re.IGNORECASE if ignore_case else re.NOFLAG)


def resolved(pattern: str, context: Context) -> re.Pattern[str]:
    """`pattern` with its variables' values taken literally. Raises UnknownVariableError."""
    if not has_variable(pattern):
        return wildcard(pattern)
    pieces: list[str] = []
    end = 0
    for match in _VARIABLE.finditer(pattern):
        pieces += _glob(pattern[end : match.start()])
        pieces.append(re.escape(_value(match[1], context)))
        end = match.end()
    return _compiled([*pieces, *_glob(pattern[end:])])


def substituted(text: str, context: Context) -> str:
    """`text` with its variables replaced. Raises UnknownVariableError."""
    return _VARIABLE.sub(lambda match: _value(match[1], context), text)


def _glob(pattern: str) -> list[str]:
    """A regular expression for each character of a pattern; an asterisk stays `*`."""
    return [{"*": "*", "?": "."}.get(char) or re.escape(char) for char in pattern]


def _compiled(pieces: list[str], flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    # What stands between two asterisks may match where it first can. Atomic groups say so: a
    # pattern of many asterisks then takes linear time, where it would backtrack without end.
    chunks = [""]
    for piece in pieces:
        if piece == "*":
            chunks.append("")
        else:
            chunks[-1] += piece
    first, *rest = chunks
    middle = "".join(f"(?>.*?{chunk})" for chunk in rest[:-1] if chunk)
    last = f".*{rest[-1]}" if rest else ""
    return re.compile(first + middle + last, flags | re.DOTALL)


def _value(expression: str, context: Context) -> str:
    if expression in _LITERALS:
        return _LITERALS[expression]
    key, _, default = expression.partition(",")
    value = context.get(key.strip().lower())
    if isinstance(value, str):
        return value
    default = default.strip()
    if value is None and len(default) > 1 and default[0] == default[-1] == "'":
        return default[1:-1]
    raise UnknownVariableError(key)
