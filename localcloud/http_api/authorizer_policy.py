"""The policy document an authorizer returns, evaluated on the method a request is for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

ALLOW, DENY, NO_STATEMENT = "allow", "explicit deny", "no statement"
_KNOWN = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal"}


def check_policy(document: Any) -> list[dict[str, Any]]:
    """The statements of a policy document. ValueError where it is none, or has conditions."""
    if not isinstance(document, dict):
        raise ValueError("policyDocument must be an object")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise ValueError("policyDocument needs a Statement")
    for statement in statements:
        _check_statement(statement)
    return statements


def _check_statement(statement: Any) -> None:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise ValueError("a statement's Effect must be Allow or Deny")
    if unknown := set(statement) - _KNOWN:
        raise ValueError(f"an authorizer's policy can't have {', '.join(sorted(unknown))} here")
    for one in ("Action", "Resource"):
        if (one in statement) == (f"Not{one}" in statement):
            raise ValueError(f"a statement needs either {one} or Not{one}")
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if name in statement and not all(isinstance(v, str) for v in _listed(statement[name])):
            raise ValueError(f"{name} must be a string or a list of strings")


def evaluate(statements: list[dict[str, Any]], method_arn: str) -> str:
    """`ALLOW`, `DENY` or `NO_STATEMENT` for execute-api:Invoke on the method's ARN."""
    outcome = NO_STATEMENT
    for statement in statements:
        if _covers(statement, "Action", "execute-api:Invoke", ignore_case=True) and _covers(
            statement, "Resource", method_arn
        ):
            if statement["Effect"] == "Deny":
                return DENY
            outcome = ALLOW
    return outcome


def _covers(statement: dict[str, Any], name: str, value: str, ignore_case: bool = False) -> bool:
    if name in statement:
        return any(_matches(p, value, ignore_case) for p in _listed(statement[name]))
    return not any(_matches(p, value, ignore_case) for p in _listed(statement[f"Not{name}"]))


def _matches(pattern: str, value: str, ignore_case: bool) -> bool:
    return _compiled(pattern, ignore_case).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    parts = [{"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern]
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
