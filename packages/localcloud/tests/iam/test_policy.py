"""The policy evaluator against AWS's documented logic, and against hostile policies."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.iam.patterns import wildcard
from localcloud.iam.policy import AccessRequest, Decision, Principal, decide, parse_policy

ACCOUNT = "123456789012"
ROLE = Principal(
    ACCOUNT,
    (f"arn:aws:iam::{ACCOUNT}:role/reader", f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/one"),
)
OBJECT = "arn:aws:s3:::lake/raw/one.txt"


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | elements


def outcome(
    document: str,
    action: str = "s3:GetObject",
    resource: str = OBJECT,
    principal: Principal = ROLE,
    context: Mapping[str, str | list[str]] | None = None,
    **named: str | list[str],
) -> Decision:
    keys = {
        name.replace("__", ":").lower(): value
        for name, value in {**(context or {}), **named}.items()
    }
    return parse_policy(document).decide(AccessRequest(action, resource, principal, keys))


@pytest.mark.parametrize(
    ("pattern", "action", "allowed"),
    [
        ("s3:GetObject", "s3:GetObject", True),
        ("S3:getobject", "s3:GetObject", True),
        ("s3:Get*", "s3:GetObjectTagging", True),
        ("s3:Get?bject", "s3:GetObject", True),
        ("*", "s3:GetObject", True),
        ("s3:GetObject", "s3:GetObjectTagging", False),
        ("s3:Get", "s3:GetObject", False),
        ("s3.GetObject", "s3:GetObject", False),
    ],
)
def test_an_action_matches_by_wildcard_whatever_its_case(
    pattern: str, action: str, allowed: bool
) -> None:
    decision = outcome(policy(allow(Action=pattern)), action)
    assert decision is (Decision.ALLOW if allowed else Decision.NOTHING)


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("arn:aws:s3:::lake/*", True),
        ("arn:aws:s3:::lake/raw/one.txt", True),
        ("arn:aws:s3:::lake/raw/oneXtxt", False),
        ("arn:aws:s3:::LAKE/*", False),
        ("arn:aws:s3:::lake", False),
        ("arn:aws:s3:::lake/raw/one.tx", False),
    ],
)
def test_a_resource_matches_by_wildcard_in_its_own_case(pattern: str, allowed: bool) -> None:
    decision = outcome(policy(allow(Resource=pattern)))
    assert decision is (Decision.ALLOW if allowed else Decision.NOTHING)


def test_an_explicit_denial_wins_over_any_allowance() -> None:
    denied = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::lake/raw/*"}
    documents = [policy(allow()), policy(denied), policy(allow())]
    request = AccessRequest("s3:GetObject", OBJECT, ROLE, {})
    assert decide(map(parse_policy, documents), request) is Decision.DENY


def test_no_policy_says_nothing() -> None:
    assert decide([], AccessRequest("s3:GetObject", OBJECT, ROLE, {})) is Decision.NOTHING


def test_not_action_and_not_resource_mean_everything_else() -> None:
    but_iam = policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})
    assert outcome(but_iam) is Decision.ALLOW
    assert outcome(but_iam, "iam:CreateRole") is Decision.NOTHING
    elsewhere = policy({"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::lake/raw/*"})
    assert outcome(elsewhere) is Decision.NOTHING
    assert outcome(elsewhere, resource="arn:aws:s3:::other/x") is Decision.DENY


def test_a_variable_takes_its_value_from_the_context_literally() -> None:
    own = policy(allow(Resource="arn:aws:s3:::lake/${aws:PrincipalTag/team}/*"))
    key = "aws__PrincipalTag/team"
    resource = "arn:aws:s3:::lake/red/x"
    assert outcome(own, resource=resource, context={key: "red"}) is Decision.ALLOW
    assert outcome(own, resource=resource, context={key: "blue"}) is Decision.NOTHING
    assert outcome(own, resource=resource, context={key: "*"}) is Decision.NOTHING
    assert outcome(own, resource=resource) is Decision.NOTHING


def test_a_variable_may_have_a_default_and_old_versions_have_no_variables() -> None:
    resource = "arn:aws:s3:::lake/none/x"
    with_default = policy(allow(Resource="arn:aws:s3:::lake/${aws:x, 'none'}/*"))
    assert outcome(with_default, resource=resource) is Decision.ALLOW
    old = policy(allow(Resource="arn:aws:s3:::lake/${aws:x, 'none'}/*"), version="2008-10-17")
    assert outcome(old, resource=resource) is Decision.NOTHING
    star = policy(allow(Resource="arn:aws:s3:::lake/${*}/x"))
    assert outcome(star, resource="arn:aws:s3:::lake/*/x") is Decision.ALLOW
    assert outcome(star, resource=resource) is Decision.NOTHING


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {"s3:prefix": ["a", "b"]}}, {"s3__prefix": "b"}, True),
        ({"StringEquals": {"S3:Prefix": "a"}}, {"s3__prefix": "A"}, False),
        ({"StringEquals": {"s3:prefix": "a"}}, {}, False),
        ({"StringNotEquals": {"s3:prefix": "a"}}, {}, True),
        ({"StringNotEquals": {"s3:prefix": ["a", "b"]}}, {"s3__prefix": "b"}, False),
        ({"StringEqualsIfExists": {"s3:prefix": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"s3:prefix": "a"}}, {"s3__prefix": "b"}, False),
        ({"StringEqualsIgnoreCase": {"s3:prefix": "a"}}, {"s3__prefix": "A"}, True),
        ({"StringLike": {"s3:prefix": "raw/*"}}, {"s3__prefix": "raw/x"}, True),
        ({"StringNotLike": {"s3:prefix": "raw/*"}}, {"s3__prefix": "raw/x"}, False),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws__SecureTransport": "true"}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws__SecureTransport": "true"}, True),
        ({"Null": {"s3:prefix": "true"}}, {}, True),
        ({"Null": {"s3:prefix": "false"}}, {}, False),
        ({"NumericLessThanEquals": {"s3:max-keys": 10}}, {"s3__max-keys": "10"}, True),
        ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3__max-keys": "10"}, False),
        ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3__max-keys": "many"}, False),
        (
            {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
            {"aws__CurrentTime": "2026-02-01T00:00:00Z"},
            True,
        ),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {"aws__SourceIp": "127.0.0.1"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws__SourceIp": "10.1.2.3"}, False),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:events:*:*:rule/*"}},
            {"aws__SourceArn": "arn:aws:events:us-east-1:1:rule/x/y"},
            True,
        ),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:*:rule/x"}},
            {"aws__SourceArn": "arn:aws:events:us-east-1:1:rule/x"},
            False,
        ),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {"aws__TagKeys": ["a", "b"]}, True),
        (
            {"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}},
            {"aws__TagKeys": ["a", "b"]},
            False,
        ),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {}, False),
        (
            {"StringEquals": {"s3:prefix": "a"}, "Bool": {"aws:SecureTransport": "true"}},
            {"s3__prefix": "a", "aws__SecureTransport": "false"},
            False,
        ),
    ],
)
def test_conditions(
    condition: dict[str, Any], context: dict[str, str | list[str]], allowed: bool
) -> None:
    decision = outcome(policy(allow(Condition=condition)), context=context)
    assert decision is (Decision.ALLOW if allowed else Decision.NOTHING)


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", Decision.ALLOW),
        ({"AWS": "*"}, Decision.ALLOW),
        ({"AWS": ROLE.arns[0]}, Decision.ALLOW),
        ({"AWS": ["x", ROLE.arns[1]]}, Decision.ALLOW),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Decision.DELEGATE),
        ({"AWS": ACCOUNT}, Decision.DELEGATE),
        ({"AWS": "arn:aws:iam::999999999999:root"}, Decision.NOTHING),
        ({"Service": "events.amazonaws.com"}, Decision.NOTHING),
    ],
)
def test_a_resource_policy_names_its_principals(principal: Any, expected: Decision) -> None:
    assert outcome(policy(allow(Principal=principal))) is expected


def test_a_service_is_named_as_itself_only() -> None:
    events = Principal(ACCOUNT, service="events.amazonaws.com")
    document = policy(allow(Principal={"Service": "events.amazonaws.com"}))
    assert outcome(document, principal=events) is Decision.ALLOW
    other = Principal(ACCOUNT, service="s3.amazonaws.com")
    assert outcome(document, principal=other) is Decision.NOTHING
    account = policy(allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
    assert outcome(account, principal=events) is Decision.NOTHING


def test_a_denial_may_spare_one_principal() -> None:
    document = policy(
        {"Effect": "Deny", "NotPrincipal": {"AWS": ROLE.arns[0]}, "Action": "*", "Resource": "*"}
    )
    assert outcome(document) is Decision.NOTHING
    assert outcome(document, principal=Principal(ACCOUNT, ("other",))) is Decision.DENY


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ("{", "JSON"),
        ("[]", "Statement"),
        ('{"Version":"2012-10-17"}', "Statement"),
        (policy(allow(), version="2024-01-01"), "2024-01-01"),
        (policy({"Effect": "Maybe", "Action": "*", "Resource": "*"}), "Maybe"),
        (policy({"Effect": "Allow", "Resource": "*"}), "Action"),
        (policy(allow(Action=[])), "Action"),
        (policy(allow(Action=[1])), "Action"),
        (policy(allow(NotAction="s3:*")), "NotAction"),
        (policy(allow(Resourse="*")), "Resourse"),
        (policy(allow(Condition={"StringIs": {"a": "b"}})), "StringIs"),
        (policy(allow(Condition={"ForSome:StringEquals": {"a": "b"}})), "ForSome:StringEquals"),
        (policy(allow(Condition={"StringEquals": {"a": {"b": 1}}})), "condition"),
        (policy(allow(Condition={"StringEquals": "a"})), "StringEquals"),
        (policy(allow(Principal=7)), "Principal"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(document: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse_policy(document)


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "*" * 200 + "a?" * 5 + "*" * 200 + "z"])
def test_a_hostile_pattern_takes_no_time(pattern: str) -> None:
    document = policy(allow(Resource="arn:aws:s3:::" + pattern))
    started = time.perf_counter()
    assert outcome(document, resource="arn:aws:s3:::" + "a" * 1000) is Decision.NOTHING
    assert time.perf_counter() - started < 0.5


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_a_pattern_matches_as_the_plain_definition_says(pattern: str, text: str) -> None:
    def matches(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return matches(pattern[1:], text) or (bool(text) and matches(pattern, text[1:]))
        return bool(text) and pattern[0] in ("?", text[0]) and matches(pattern[1:], text[1:])

    assert bool(wildcard(pattern).fullmatch(text)) is matches(pattern, text)


def test_the_account_among_those_excepted_excepts_none_of_its_roles() -> None:
    account = "123456789012"
    root, role = (f"arn:aws:iam::{account}:{name}" for name in ("root", "role/other"))
    excepted = f"arn:aws:iam::{account}:role/excepted"
    document = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Deny",
            "NotPrincipal": {"AWS": [excepted, root]},
            "Action": "*",
            "Resource": "*",
        },
    }
    policy = parse_policy(json.dumps(document))

    def decide(arn: str) -> Decision:
        return policy.decide(AccessRequest("s3:GetObject", "*", Principal(account, (arn,)), {}))

    assert decide(role) is Decision.DENY
    assert decide(excepted) is decide(root) is Decision.NOTHING
