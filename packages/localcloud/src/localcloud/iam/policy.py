"""Policies, evaluated as AWS evaluates them: a pure decision on a request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

from localcloud.iam.conditions import Condition, parse_conditions
from localcloud.iam.patterns import (
    Context,
    UnknownVariableError,
    has_variable,
    resolved,
    wildcard,
)

_STATEMENT_KEYS = {
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
}


class Decision(IntEnum):
    """What a policy says of a request, the strongest last.

    DELEGATE: a resource's policy leaves it to the account, whose identity policies then decide.
    """

    NOTHING = 0
    DELEGATE = 1
    ALLOW = 2
    DENY = 3


@dataclass(frozen=True)
class Principal:
    """Who asks, as policies name it: `arns` of a role and its session, or a service's name."""

    account: str
    arns: tuple[str, ...] = ()
    service: str | None = None


@dataclass(frozen=True)
class AccessRequest:
    """One action on one resource, by a principal, with the context that conditions look at."""

    action: str
    resource: str
    principal: Principal
    context: Context


Matcher = Callable[[str, Context], bool]


@dataclass(frozen=True)
class Statement:
    """One compiled statement. `principals` is None in an identity's policy."""

    allows: bool
    matches_action: Matcher
    matches_resource: Matcher
    conditions: tuple[Condition, ...]
    principals: dict[str, tuple[str, ...]] | None = None
    all_principals_but: bool = False

    def decide(self, request: AccessRequest) -> Decision:
        """DENY, ALLOW, DELEGATE, or NOTHING where the statement isn't about this request."""
        granted = self._principal_decision(request.principal)
        if granted is Decision.NOTHING:
            return granted
        if not self.matches_action(request.action, request.context):
            return Decision.NOTHING
        if not self.matches_resource(request.resource, request.context):
            return Decision.NOTHING
        if not all(condition.holds(request.context) for condition in self.conditions):
            return Decision.NOTHING
        return granted if self.allows else Decision.DENY

    def _principal_decision(self, principal: Principal) -> Decision:
        if self.principals is None:
            return Decision.ALLOW
        named = _names(self.principals, principal)
        if self.all_principals_but:
            # An account that is named excepts none of its roles and users.
            return Decision.NOTHING if named is Decision.ALLOW else Decision.ALLOW
        return named


def _names(principals: dict[str, tuple[str, ...]], principal: Principal) -> Decision:
    if "*" in principals.get("AWS", ()):
        return Decision.ALLOW
    if principal.service is not None:
        is_named = principal.service in principals.get("Service", ())
        return Decision.ALLOW if is_named else Decision.NOTHING
    named = principals.get("AWS", ())
    if any(arn in named for arn in principal.arns):
        return Decision.ALLOW
    account = (principal.account, f"arn:aws:iam::{principal.account}:root")
    return Decision.DELEGATE if any(name in named for name in account) else Decision.NOTHING


@dataclass(frozen=True)
class Policy:
    """A compiled policy document."""

    statements: tuple[Statement, ...]

    def decide(self, request: AccessRequest) -> Decision:
        """An explicit denial before everything, then an allowance, then a delegation."""
        return max((s.decide(request) for s in self.statements), default=Decision.NOTHING)


def decide(policies: Iterable[Policy], request: AccessRequest) -> Decision:
    """What several policies say together."""
    return max((policy.decide(request) for policy in policies), default=Decision.NOTHING)


@lru_cache(maxsize=4096)
def parse_policy(document: str) -> Policy:
    """Compile a policy document (JSON). ValueError names what isn't valid or not understood."""
    try:
        parsed = json.loads(document)
    except ValueError as error:
        raise ValueError(f"the policy isn't JSON: {error}") from error
    if not isinstance(parsed, dict) or "Statement" not in parsed:
        raise ValueError("a policy must be an object with a Statement")
    version = parsed.get("Version", "2008-10-17")
    if version not in ("2012-10-17", "2008-10-17"):
        raise ValueError(f"unknown policy version {version!r}")
    listed = parsed["Statement"]
    statements = listed if isinstance(listed, list) else [listed]
    return Policy(tuple(_statement(one, version == "2012-10-17") for one in statements))


def _statement(written: Any, has_variables: bool) -> Statement:
    if not isinstance(written, dict):
        raise ValueError("a policy's Statement must be an object or a list of objects")
    if unknown := written.keys() - _STATEMENT_KEYS:
        raise ValueError(f"unknown element of a policy statement: {', '.join(sorted(unknown))}")
    if written.get("Effect") not in ("Allow", "Deny"):
        raise ValueError(f"Effect must be Allow or Deny, not {written.get('Effect')!r}")
    for pair in (("Action", "NotAction"), ("Principal", "NotPrincipal")):
        if all(name in written for name in pair):
            raise ValueError(f"a policy statement can't have both {' and '.join(pair)}")
    principal = written.get("Principal", written.get("NotPrincipal"))
    return Statement(
        allows=written["Effect"] == "Allow",
        matches_action=_actions(written),
        matches_resource=_resources(written, has_variables),
        conditions=parse_conditions(written.get("Condition", {})),
        principals=None if principal is None else _principals(principal),
        all_principals_but="NotPrincipal" in written,
    )


def _actions(written: dict[str, Any]) -> Matcher:
    negated = "NotAction" in written
    patterns = _strings(written, "NotAction" if negated else "Action")
    compiled = [wildcard(pattern, ignore_case=True) for pattern in patterns]
    return lambda action, _: any(p.fullmatch(action) for p in compiled) is not negated


def _resources(written: dict[str, Any], has_variables: bool) -> Matcher:
    if "Resource" not in written and "NotResource" not in written:
        return lambda *_: True  # A role's trust policy has none: it is about the role.
    negated = "NotResource" in written
    patterns = _strings(written, "NotResource" if negated else "Resource")
    varying = [p for p in patterns if has_variables and has_variable(p)]
    fixed = [wildcard(p) for p in patterns if p not in varying]

    def matches(resource: str, context: Context) -> bool:
        try:
            found = any(p.fullmatch(resource) for p in fixed) or any(
                resolved(p, context).fullmatch(resource) for p in varying
            )
        except UnknownVariableError:
            return False
        return found is not negated

    return matches


def _strings(written: dict[str, Any], name: str) -> list[str]:
    value = written.get(name)
    listed: list[Any] = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(item, str) for item in listed):
        raise ValueError(f"a policy statement's {name} must be a string or a list of strings")
    return listed


def _principals(written: Any) -> dict[str, tuple[str, ...]]:
    if written == "*":
        return {"AWS": ("*",)}
    if not isinstance(written, dict):
        raise ValueError(f"Principal must be '*' or an object, not {written!r}")
    return {kind: tuple(_strings(written, kind)) for kind in written}
