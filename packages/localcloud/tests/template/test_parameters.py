from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from localcloud.template.intrinsics import Intrinsics
from localcloud.template.parameters import check_rules, parameter_values


def values(declarations: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    return parameter_values({"Parameters": declarations}, given, {"/a": "found"}.__getitem__)


def test_values_defaults_and_types() -> None:
    found = values(
        {
            "Name": {"Type": "String", "Default": "x"},
            "Count": {"Type": "Number", "Default": 3},
            "Zones": {"Type": "CommaDelimitedList", "Default": "a, b"},
            "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a"},
        },
        Name="y",
    )
    assert found == {"Name": "y", "Count": "3", "Zones": ["a", "b"], "Stored": "found"}


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ({"Type": "String"}, "P has neither a value nor a default"),
        ({"Type": "String", "Default": "c", "AllowedValues": ["a", "b"]}, "not one of a, b"),
        ({"Type": "String", "Default": "c", "AllowedPattern": "[0-9]+"}, "must match"),
        ({"Type": "String", "Default": "ccc", "MaxLength": "2"}, "MaxLength is 2"),
        ({"Type": "Number", "Default": 1, "MinValue": 2}, "MinValue is 2"),
    ],
)
def test_what_is_not_allowed_is_named(declaration: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        values({"P": declaration})


def test_a_value_for_no_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="Ghost is given but not declared"):
        values({}, Ghost=1)


def test_rules_are_evaluated(intrinsics: Intrinsics) -> None:
    def rule(condition: str) -> dict[str, Any]:
        failing = {"Assert": {"Fn::Equals": ["a", "b"]}, "AssertDescription": "too old"}
        return {
            "Rules": {"R": {"RuleCondition": {"Condition": condition}, "Assertions": [failing]}}
        }

    check_rules(rule("No"), intrinsics)
    with pytest.raises(ValueError, match=r"Rules\.R: too old"):
        check_rules(rule("Yes"), intrinsics)
