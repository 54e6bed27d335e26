from __future__ import annotations

from typing import Any

import pytest

from localcloud.template.intrinsics import Intrinsics

CASES = [
    ({"Ref": "Name"}, "shop"),
    ({"Fn::GetAtt": ["Table", "Arn"]}, "arn:table"),
    ({"Fn::GetAtt": "Table.Arn"}, "arn:table"),
    ({"Fn::Join": ["-", ["a", {"Ref": "Number"}, True]]}, "a-7-true"),
    ({"Fn::Join": [",", {"Ref": "List"}]}, "x,y"),
    (
        {"Fn::Sub": "${Name}/${Table.Arn}/${!Name}/${AWS::Region}"},
        "shop/arn:table/${Name}/eu-west-1",
    ),
    ({"Fn::Sub": ["${a}-${Name}", {"a": {"Ref": "Number"}}]}, "7-shop"),
    ({"Fn::Select": ["1", {"Ref": "List"}]}, "y"),
    ({"Fn::Select": [0, {"Fn::Split": ["|", "p|q"]}]}, "p"),
    ({"Fn::If": ["Yes", 1, 2]}, 1),
    ({"Fn::If": ["No", 1, {"Ref": "Name"}]}, "shop"),
    ({"Fn::FindInMap": ["Sizes", "small", "cpu"]}, 1),
    ({"Fn::FindInMap": ["Sizes", "big", "cpu", {"DefaultValue": {"Ref": "Number"}}]}, 7),
    ({"Fn::ImportValue": {"Fn::Sub": "${Name}-arn"}}, "exported shop-arn"),
    ({"Fn::GetStackOutput": {"StackName": "Other", "OutputName": "Arn"}}, "Other Arn"),
    ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
    ({"Fn::Base64": "漢字"}, "5ryi5a2X"),
    ({"Fn::Cidr": ["10.0.0.0/24", 3, 4]}, ["10.0.0.0/28", "10.0.0.16/28", "10.0.0.32/28"]),
    ({"Fn::Length": {"Ref": "List"}}, 2),
    ({"Fn::ToJsonString": {"a": [{"Ref": "Number"}]}}, '{"a":[7]}'),
    ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
    ({"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}}, {}),
    ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
    ({"Ref": "Name", "Other": 1}, {"Ref": "Name", "Other": 1}),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
def test_functions_evaluate(intrinsics: Intrinsics, value: Any, expected: Any) -> None:
    assert intrinsics.resolve(value, "here") == expected


CONDITIONS = [
    ({"Fn::Equals": [{"Ref": "Number"}, "7"]}, True),
    ({"Fn::Equals": [True, "true"]}, True),
    ({"Fn::And": [{"Condition": "Yes"}, {"Fn::Equals": ["a", "b"]}]}, False),
    ({"Fn::Or": [{"Condition": "No"}, {"Condition": "Yes"}]}, True),
    ({"Fn::Not": [{"Condition": "No"}]}, True),
    ({"Fn::Contains": [["1", "2"], "2"]}, True),
    ({"Fn::EachMemberIn": [["1", "3"], ["1", "2"]]}, False),
    ({"Fn::EachMemberEquals": [["1", "1"], "1"]}, True),
]


@pytest.mark.parametrize(("value", "expected"), CONDITIONS)
def test_conditions_evaluate(intrinsics: Intrinsics, value: Any, expected: Any) -> None:
    assert intrinsics.condition(value, "here") is expected


FAULTS = [
    ({"Fn::Nonsense": 1}, "here.x: Fn::Nonsense is not a function"),
    ({"Fn::Transform": {"Name": "Include"}}, "Include: macros run in AWS only"),
    ({"Fn::Select": [5, {"Ref": "List"}]}, "there is no item 5 among 2"),
    ({"Fn::Select": [0, "abc"]}, "is not a list"),
    ({"Fn::Join": ["-", "abc"]}, "is not a list"),
    ({"Fn::Join": ["-", [{"a": 1}]]}, "is not a string"),
    ({"Fn::FindInMap": ["Sizes", "big", "cpu"]}, "Mappings has no Sizes / big / cpu"),
    ({"Fn::GetAtt": ["Table"]}, r"takes \[logicalId, attribute\]"),
    ({"Ref": "Ghost"}, "here.x: Ref: Ghost"),
    ({"Fn::Sub": "${Ghost.Arn}"}, "Ghost"),
]


@pytest.mark.parametrize(("value", "message"), FAULTS)
def test_what_cannot_be_evaluated_is_named_with_its_place(
    intrinsics: Intrinsics, value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        intrinsics.resolve({"x": value}, "here")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"Fn::Select": ["one", ["a"]]}, r"At: Fn::Select: 'one' is not a number"),
        ({"Fn::Cidr": ["nowhere", 1, 8]}, "At: Fn::Cidr: 'nowhere' does not appear"),
        ({"Fn::Cidr": ["10.0.0.0/24", 3, 7]}, "10.0.0.0/24 has 2 blocks of /25, not 3"),
    ],
)
def test_what_an_argument_lacks_is_said_with_its_place(
    intrinsics: Intrinsics, value: object, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        intrinsics.resolve(value, "At")
