"""Event patterns against the examples of the EventBridge User Guide."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from localcloud.events.patterns import check, matches
from localcloud.service import ServiceError

INSTANCE_EVENT: dict[str, Any] = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2017-12-22T18:43:48Z",
    "region": "us-west-1",
    "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
    "detail": {
        "instance-id": "i-1234567890abcdef0",
        "state": "terminated",
        "c-count": 5,
        "d-count": 3.018e2,
        "x-limit": 301.8,
        "source-ip": "10.0.0.33",
        "fileName": "folder/picture.PNG",
        "eventVersion": "",
        "responseElements": None,
        "mfa": True,
        "nested": {"location": [{"city": "Tokyo", "n": 1}, {"city": "Osaka", "n": 2}]},
        "empty": [],
        "list": ["one", "two"],
        "path": r"C:\a*b",
    },
}

DETAIL_CASES: list[tuple[dict[str, Any], bool]] = [
    ({"state": ["terminated"]}, True),
    ({"state": ["running"]}, False),
    ({"state": ["running", "terminated"], "c-count": [5]}, True),
    ({"eventVersion": [""]}, True),
    ({"responseElements": [None]}, True),
    ({"state": [None]}, False),
    ({"mfa": [True]}, True),
    ({"mfa": [1]}, False),
    ({"c-count": ["5"]}, False),
    ({"c-count": [5.0]}, True),
    ({"missing": ["x"]}, False),
    ({"state": [{"prefix": "term"}]}, True),
    ({"state": [{"prefix": {"equals-ignore-case": "TERM"}}]}, True),
    ({"state": [{"prefix": "TERM"}]}, False),
    ({"fileName": [{"suffix": ".PNG"}]}, True),
    ({"fileName": [{"suffix": ".png"}]}, False),
    ({"fileName": [{"suffix": {"equals-ignore-case": ".png"}}]}, True),
    ({"state": [{"equals-ignore-case": "TERMINATED"}]}, True),
    ({"state": [{"anything-but": "initializing"}]}, True),
    ({"state": [{"anything-but": ["initializing", "terminated"]}]}, False),
    ({"x-limit": [{"anything-but": 123}]}, True),
    ({"x-limit": [{"anything-but": [100, 301.8]}]}, False),
    ({"state": [{"anything-but": {"equals-ignore-case": ["initializing", "TERMINATED"]}}]}, False),
    ({"state": [{"anything-but": {"prefix": "init"}}]}, True),
    ({"state": [{"anything-but": {"prefix": ["init", "term"]}}]}, False),
    ({"fileName": [{"anything-but": {"suffix": [".txt", ".rtf"]}}]}, True),
    ({"fileName": [{"anything-but": {"wildcard": "*/pic*"}}]}, False),
    ({"missing": [{"anything-but": "x"}]}, False),
    ({"c-count": [{"numeric": [">", 0, "<=", 5]}]}, True),
    ({"c-count": [{"numeric": ["<", 5]}]}, False),
    ({"d-count": [{"numeric": ["=", 3.018e2]}]}, True),
    ({"state": [{"numeric": [">", 0]}]}, False),
    ({"source-ip": [{"cidr": "10.0.0.0/24"}]}, True),
    ({"source-ip": [{"cidr": "10.0.1.0/24"}]}, False),
    ({"state": [{"cidr": "10.0.0.0/8"}]}, False),
    ({"c-count": [{"exists": True}]}, True),
    ({"c-count": [{"exists": False}]}, False),
    ({"missing": [{"exists": False}]}, True),
    ({"nested": [{"exists": True}]}, False),
    ({"empty": [{"exists": True}]}, False),
    ({"absent": {"deeper": [{"exists": False}]}}, True),
    ({"empty": {"deeper": [{"exists": False}]}}, True),
    ({"fileName": [{"wildcard": "folder/*.PNG"}]}, True),
    ({"fileName": [{"wildcard": "folder/*.JPG"}]}, False),
    ({"path": [{"wildcard": r"C:\\a\*b"}]}, True),
    ({"path": [{"wildcard": r"C:\\\*b"}]}, False),
    ({"list": ["two"]}, True),
    ({"list": ["three"]}, False),
    ({"nested": {"location": {"city": ["Tokyo"], "n": [1]}}}, True),
    ({"nested": {"location": {"city": ["Tokyo"], "n": [2]}}}, False),
    ({"nested": {"location": {"city": ["Tokyo"], "zip": [{"exists": False}]}}}, True),
    ({"$or": [{"c-count": [9]}, {"d-count": [{"numeric": [">", 300]}]}]}, True),
    ({"$or": [{"c-count": [9]}, {"d-count": [9]}], "state": ["terminated"]}, False),
    ({"$or": [{"state": ["x"]}, {"$or": [{"mfa": [True]}, {"mfa": [None]}]}]}, True),
    ({"state": ["running", {"prefix": "t"}]}, True),
    ({"state": [{"prefix": ""}]}, True),
    ({"state": [{"suffix": ""}]}, True),
    ({"c-count": [{"prefix": ""}]}, False),
    ({"state": [{"wildcard": ""}]}, False),
    ({"eventVersion": [{"wildcard": ""}]}, True),
    ({"state": [{"anything-but": {"wildcard": ""}}]}, True),
    ({"eventVersion": [{"equals-ignore-case": ""}]}, True),
]


@pytest.mark.parametrize(("detail", "expected"), DETAIL_CASES)
def test_a_pattern_of_the_detail(detail: dict[str, Any], expected: bool) -> None:
    event = copy.deepcopy(INSTANCE_EVENT)
    assert matches({"detail": detail}, event) is expected
    assert event == INSTANCE_EVENT


@pytest.mark.parametrize(
    ("detail", "pattern", "expected"),
    [
        ({"cup.size": "big"}, {"cup": {"size": ["big"]}}, True),
        ({"cup": {"size": "big"}}, {"cup.size": ["big"]}, True),
        ({"cup.size": "big"}, {"cup.size": ["big"]}, True),
        ({"cup.size": "big"}, {"cup": {"size": ["small"]}}, False),
        ({"a.b.c": 1}, {"a": {"b.c": [1]}}, True),
        ({"a.b": {"c": 1}, "a": {"d": 2}}, {"a": {"b": {"c": [1]}, "d": [2]}}, True),
        ({"a": [{"b": 1, "c": 1}, {"b": 2, "c": 2}]}, {"a.b": [1], "a": {"c": [2]}}, False),
        ({"a": [{"b.x": 1}, {"b.x": 2}]}, {"a.b.x": [2]}, True),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": [1]}, True),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": [2]}, True),
        ({"cup.size": "big"}, {"cup": {"size": [{"exists": False}]}}, False),
        ({"cup.size": "big"}, {"$or": [{"cup.size": ["big"]}, {"x": [1]}]}, True),
    ],
)
def test_a_name_with_dots_is_a_nested_one(
    detail: dict[str, Any], pattern: dict[str, Any], expected: bool
) -> None:
    assert matches({"detail": pattern}, {"detail": detail}) is expected


def test_fields_of_the_envelope_match_together() -> None:
    pattern = {
        "source": ["aws.ec2"],
        "detail-type": ["EC2 Instance State-change Notification"],
        "resources": [{"suffix": "i-1234567890abcdef0"}],
        "time": [{"prefix": "2017-12-22"}],
    }
    assert matches(pattern, INSTANCE_EVENT)
    assert not matches({**pattern, "source": ["aws.s3"]}, INSTANCE_EVENT)


def test_an_or_at_the_top_is_met_by_either_branch() -> None:
    pattern = {"$or": [{"source": ["x"]}, {"detail": {"state": ["terminated"]}}]}
    assert matches(pattern, INSTANCE_EVENT)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ({"source": [{"startsWith": "aws"}]}, "startsWith"),
        ({"source": [{"anything-but": {"regex": "x"}}]}, "regex"),
        ({"source": "aws.s3"}, "source"),
        ({"source": []}, "Empty arrays"),
        ({"detail": {}}, "Empty objects"),
        ({}, "Empty objects"),
        ({"source": [["a"]]}, "Match value must be"),
        ({"source": [{"prefix": 3}]}, "prefix"),
        ({"source": [{"prefix": "a", "suffix": "b"}]}, "Only one key"),
        ({"detail": {"n": [{"numeric": ["~", 3]}]}}, "~"),
        ({"detail": {"n": [{"numeric": [">", 5, "<", 3]}]}}, "Bottom"),
        ({"detail": {"n": [{"numeric": [">", "5"]}]}}, "Value of > must be numeric"),
        ({"detail": {"n": [{"numeric": [">", 0, "<"]}]}}, "Value of < must be numeric"),
        ({"detail": {"n": [{"numeric": [">", 0, ">", 0]}]}}, "Bad numeric range operator: >"),
        ({"detail": {"n": [{"numeric": []}]}}, "Invalid member"),
        ({"detail": {"n": [{"cidr": "10.0.0.0/99"}]}}, "IPv4 mask bits must be < 32"),
        ({"detail": {"n": [{"cidr": "10.0.0.0"}]}}, "Malformed CIDR, one '/' required"),
        ({"detail": {"n": [{"cidr": "10.0.0.0/x"}]}}, "mask bits must be an integer"),
        ({"detail": {"n": [{"cidr": "xx.11.xx/8"}]}}, "Nonstandard IP address: xx.11.xx"),
        ({"detail": {"n": [{"cidr": ["10.0.0.0/8"]}]}}, "prefix match pattern must be a string"),
        ({"detail": {"n": [{"exists": "yes"}]}}, "exists"),
        ({"detail": {"n": [{"wildcard": "a**b"}]}}, "Consecutive wildcard characters at pos 2"),
        ({"detail": {"n": [{"wildcard": "a\\b"}]}}, "escape"),
        ({"detail": {"n": [{"anything-but": ["a", 1]}]}}, "mixed type is not supported"),
        ({"detail": {"n": [{"anything-but": None}]}}, "Value of anything-but must be an array"),
        ({"detail": {"n": [{"anything-but": ["a", None]}]}}, "start|null|boolean"),
        ({"detail": {"n": [{"anything-but": {"prefix": ""}}]}}, "Null prefix/suffix not allowed"),
        ({"detail": {"n": [{"anything-but": {"suffix": ["", "a"]}}]}}, "Null prefix/suffix not"),
        ({"detail": {"n": [{"anything-but": {"suffix": 1}}]}}, "prefix/suffix match pattern must"),
        ({"detail": {"n": [{"anything-but": {"prefix": {"equals-ignore-case": "a"}}}]}}, "single"),
        ({"detail": {"n": [{"anything-but": {"equals-ignore-case": [1]}}]}}, "number|start|null"),
        ({"detail": {"n": [{"anything-but": []}]}}, "Empty arrays"),
        ({"$or": [{"source": ["a"]}]}, "$or"),
        ({"a": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}, "Rule is too complex"),
        ({"a": [{"anything-but": {"wildcard": "*:*:*:*:*:event-bus/*"}}]}, "Rule is too complex"),
        ({"a": [{"wildcard": "*" + "ab" * 500}]}, "Rule is too complex"),
        ({"a": [{"wildcard": "*a*a*a*"}, {"wildcard": "*a*a*b*"}]}, "Rule is too complex"),
    ],
)
def test_what_is_not_a_pattern_is_refused_by_name(pattern: dict[str, Any], reason: str) -> None:
    with pytest.raises(ServiceError, match="Event pattern is not valid") as refused:
        check(pattern)
    assert refused.value.code == "InvalidEventPatternException"
    assert reason in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:events:us-east-1:*:event-bus/*",
        "arn:aws:*:*:*:event-bus/*",
        "dir/*/*.txt",
        "*/" + "".join(map(chr, range(0x3040, 0x3040 + 500))) + "/*",
        "x*" * 5,
        "*",
        "",
    ],
)
def test_a_wildcard_that_is_not_too_complex_is_taken(text: str) -> None:
    check({"a": [{"wildcard": text}]})


@pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": "text"}, {"detail": [[]]}])
def test_an_event_of_another_shape_does_not_match(event: dict[str, Any]) -> None:
    assert not matches({"detail": {"state": ["terminated"]}}, event)
