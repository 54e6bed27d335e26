"""Input, InputPath and InputTransformer, after the examples of the EventBridge User Guide."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.events.transform import check_input, transformed

RULE = "arn:aws:events:us-east-1:123456789012:rule/bus/my-rule"
EVENT: dict[str, Any] = {
    "version": "0",
    "id": "7bf73129",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "time": "2015-11-11T21:29:54Z",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {
        "instance-id": "i-0123456789",
        "state": "RUNNING",
        "note": 'say "はい"\n',
        "tags": [{"k": "a"}, {"k": "b"}],
        "count": 3,
    },
}
PATHS = {
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "note": "$.detail.note",
    "tags": "$.detail.tags",
    "count": "$.detail.count",
    "resource": "$.resources[0]",
    "keys": "$.detail.tags[*].k",
    "missing": "$.detail.nothing",
}


def rendered(template: str) -> str:
    target = {"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": template}}
    check_input(target)
    return transformed(target, EVENT, RULE)


def test_without_settings_the_whole_event_is_sent() -> None:
    assert json.loads(transformed({}, EVENT, RULE)) == EVENT


def test_a_constant_input_is_sent_as_written() -> None:
    assert transformed({"Input": '{"a": 1}'}, EVENT, RULE) == '{"a": 1}'


def test_an_input_path_sends_a_part() -> None:
    assert transformed({"InputPath": "$.detail.tags[1]"}, EVENT, RULE) == '{"k":"b"}'
    assert transformed({"InputPath": "$.detail"}, EVENT, RULE).startswith('{"instance-id"')
    assert transformed({"InputPath": "$.nothing"}, EVENT, RULE) == "null"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        ('{"instance": <instance>}', '{"instance": "i-0123456789"}'),
        ('{"instance": "<instance>"}', '{"instance": "i-0123456789"}'),
        ('{"n": <count>, "t": "n=<count>"}', '{"n": 3, "t": "n=3"}'),
        ('{"s": [9, <state>, true]}', '{"s": [9, "RUNNING", true]}'),
        ('{"t": <tags>}', '{"t": [{"k":"a"},{"k":"b"}]}'),
        ('{"k": <keys>}', '{"k": ["a","b"]}'),
        ('{"t": "<tags>"}', '{"t": "[{k:a},{k:b}]"}'),
        ('{"m": <missing>, "n": "<missing>"}', '{"m": "", "n": ""}'),
        ('{"r": "\\"<state>\\""}', '{"r": "\\"RUNNING\\""}'),
        ('"<aws.events.rule-name>"', '"my-rule"'),
        ('{"rule": <aws.events.rule-arn>}', json.dumps({"rule": RULE})),
        ('"one <state>"\n"two <instance>"', '"one RUNNING"\n"two i-0123456789"'),
    ],
)
def test_a_template(template: str, expected: str) -> None:
    assert rendered(template) == expected


def test_text_with_quotes_and_line_ends_stays_valid_json() -> None:
    for template in ('{"note": <note>}', '{"note": "<note>"}'):
        assert json.loads(rendered(template)) == {"note": EVENT["detail"]["note"]}


def test_the_whole_event_and_the_event_without_its_detail() -> None:
    assert json.loads(rendered('{"e": <aws.events.event.json>}')) == {"e": EVENT}
    assert "detail" not in json.loads(rendered('{"e": <aws.events.event>}'))["e"]


@pytest.mark.parametrize(
    "target",
    [
        {"Input": "{}", "InputPath": "$"},
        {"Input": "{"},
        {"InputPath": "detail"},
        {"InputPath": "$.detail[?(@.a)]"},
        {"InputTransformer": {"InputTemplate": '"<unknown>"'}},
        {"InputTransformer": {"InputPathsMap": {"aws.x": "$.a"}, "InputTemplate": '"a"'}},
        {"InputTransformer": {"InputPathsMap": {"x": "$..a"}, "InputTemplate": '"<x>"'}},
        {"InputTransformer": {"InputPathsMap": {"x": "$.a"}, "InputTemplate": "plain <x>"}},
    ],
)
def test_what_could_never_work_is_refused(target: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        check_input(target)
