from __future__ import annotations

from typing import Any

import pytest

from localcloud.template.structure import check_structure

QUEUE = {"Type": "AWS::SQS::Queue"}


def named(value: object) -> dict[str, Any]:
    return {"Resources": {"It": QUEUE | {"Properties": {"QueueName": value}}}}


def test_a_template_as_it_should_be_passes() -> None:
    references = [{"Ref": "Env"}, {"Ref": "AWS::Region"}, {"Fn::Sub": "${It}-${!Not}"}]
    template = {
        "Parameters": {"Env": {"Type": "String", "Default": "dev"}},
        "Conditions": {"IsDev": {"Fn::Equals": [{"Ref": "Env"}, "dev"]}},
        "Resources": {"It": QUEUE | {"Condition": "IsDev", "DeletionPolicy": "Retain"}},
        "Outputs": {"Out": {"Condition": "IsDev", "Value": {"Fn::Join": ["-", references]}}},
    }
    check_structure(template, "S")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ({"Resources": [QUEUE]}, "Resources is not an object"),
        ({"Resources": {"It": "queue"}}, r"Resources\.It is not an object"),
        ({"Resources": {"It": {"Properties": {}}}}, r"Resources\.It has no Type"),
        ({"Resources": {"It": QUEUE | {"Properties": []}}}, r"It\.Properties is not an object"),
        ({"Resources": {"It": QUEUE | {"Condition": "Nope"}}}, "has the condition Nope"),
        ({"Resources": {"It": QUEUE}, "Outputs": {"Out": {}}}, r"Outputs\.Out has no Value"),
        (named({"Ref": ["It"]}), r"Resources\.It\.Properties\.QueueName: Ref takes a name"),
        (named({"Ref": "Nope"}), r"Resources\.It refers to Nope"),
        (named({"Fn::Sub": "${Nope.Arn}"}), r"Resources\.It refers to Nope"),
        (named({"Fn::Sub": ["${x}"]}), r"Fn::Sub takes a list of 2, not \[\"\$\{x\}\"\]"),
        (named({"Fn::Join": "x"}), "Fn::Join takes a list of 2"),
        (named({"Fn::FindInMap": ["a", "b"]}), "Fn::FindInMap takes a list of 3 to 4"),
        ({"Conditions": {"C": {"Fn::Equals": ["a"]}}}, r"Conditions\.C: Fn::Equals takes a list"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(template: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^stack S: .*{problem}.*; correct the CDK app"):
        check_structure(template, "S")
