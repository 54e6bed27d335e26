"""The language of filter patterns, by the examples of CloudWatch's own guide and beyond."""

from __future__ import annotations

import json

import pytest

from localcloud.log_filters.patterns import parse_pattern

LINE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
EVENT = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "ThisFlag": True,
        "latency": 12.5,
        "user": {"name": "あ", "e-mail": "a@b.example"},
    },
    ensure_ascii=False,
)


@pytest.mark.parametrize(
    ("pattern", "matches", "does_not"),
    [
        ("", "anything", None),
        ("ERROR", "[ERROR 400] BAD", "error"),
        ("ERROR ARGUMENTS", "ARGUMENTS: ERROR", "ERROR"),
        ("?ERROR ?ARGUMENTS", "ARGUMENTS", "WARN"),
        ("ERROR -EXITING", "ERROR 1", "ERROR EXITING"),
        ("-EXITING", "ERROR", "EXITING"),
        ('"INTERNAL SERVER"', "an INTERNAL SERVER error", "SERVER INTERNAL"),
        ('?"a \\"b\\"" ?c', 'it is a "b"', "a b"),
        ("エラー", "これはエラーです", "警告"),
        ("%[Ee]rr.r%", "an Error", "eRROR"),
    ],
)
def test_terms(pattern: str, matches: str, does_not: str | None) -> None:
    found = parse_pattern(pattern)
    assert found(matches) is not None
    if does_not is not None:
        assert found(does_not) is None


@pytest.mark.parametrize(
    "condition",
    [
        '$.eventType = "UpdateTrail"',
        "$.eventType = Update*",
        "$.eventType != Delete*",
        "$.sourceIPAddress != 123.123.*",
        '$.arrayKey[0] = "value"',
        '$.arrayKey[*] = "another*"',
        "$.objectList[1].id = 2",
        "$.SomeObject IS NULL",
        "$.SomeOtherObject NOT EXISTS",
        "$.ThisFlag IS TRUE",
        "$.latency >= 12.5 && $.latency < 13",
        '$.latency = "*"',
        '($.latency > 100 || $.user.name = "あ") && $.ThisFlag IS TRUE',
        '$.user["e-mail"] = "a@b.example"',
        "$.eventType = %^Upd.te%",
    ],
)
def test_conditions_that_hold(condition: str) -> None:
    assert parse_pattern("{ " + condition + " }")(EVENT) is not None


@pytest.mark.parametrize(
    "condition",
    [
        '$.eventType = "Update"',
        "$.eventType > 3",
        "$.missing != 1",
        "$.missing IS NULL",
        "$.latency NOT EXISTS",
        "$.ThisFlag IS FALSE",
        "$.latency > 12.5",
        '$.latency = 12.5 && $.eventType = "x"',
        "$.arrayKey[5] = value",
    ],
)
def test_conditions_that_do_not_hold(condition: str) -> None:
    assert parse_pattern("{" + condition + "}")(EVENT) is None


def test_what_is_no_json_matches_no_condition() -> None:
    assert parse_pattern("{ $.a NOT EXISTS }")("plain text") is None


@pytest.mark.parametrize(
    "pattern",
    [
        "[ip, user, username, timestamp, request, status, bytes]",
        "[ip, user, username, timestamp, request = *html*, status = 4*, bytes]",
        "[ip, ..., bytes > 1000]",
        "[..., status = 404 || status = 410, bytes]",
        '[ip, user, username, timestamp, request = "GET *", status != 200, bytes >= 1534]',
    ],
)
def test_delimited_events_that_match(pattern: str) -> None:
    found = parse_pattern(pattern)(LINE)
    assert found is not None
    assert found("$bytes") == "1534"


@pytest.mark.parametrize("pattern", ["[ip, user]", "[..., status = 5*, bytes]", "[a,..., z > 1e9]"])
def test_delimited_events_that_do_not(pattern: str) -> None:
    assert parse_pattern(pattern)(LINE) is None


@pytest.mark.parametrize(
    "pattern",
    [
        '"open',
        "ERROR {",
        "{ $.a = }",
        "{ $.a",
        "{ a = 1 }",
        "{ $.a = 1 & $.b = 2 }",
        "{ ($.a = 1 }",
        "{ $.a > x }",
        "{ $.a IS ODD }",
        "{ }",
        "[a, ..., ...]",
        "[a, , b]",
        "[a = 1",
        "%(a+)+%",
        "%open",
    ],
)
def test_what_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="Invalid filter pattern"):
        parse_pattern(pattern)
