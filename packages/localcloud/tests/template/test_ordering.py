from __future__ import annotations

from typing import Any

import pytest

from localcloud.template.ordering import creation_order


def resource(
    kind: str = "AWS::SQS::Queue", depends_on: object = (), **properties: object
) -> dict[str, Any]:
    return {"Type": kind, "DependsOn": depends_on, "Properties": properties}


def test_references_of_every_form_come_first() -> None:
    resources = {
        "A": resource(url={"Fn::Sub": "${B.Arn}-${!C}"}),
        "B": resource(x={"Fn::If": ["c", {"Ref": "C"}, {"Ref": "AWS::NoValue"}]}),
        "C": resource(depends_on="D"),
        "D": resource(y={"Fn::GetAtt": "E.Arn"}),
        "E": resource(),
    }
    assert creation_order(resources, "S") == ["E", "D", "C", "B", "A"]


def test_variables_of_a_sub_are_no_references() -> None:
    resources = {"A": resource(x={"Fn::Sub": ["${B}", {"B": "text"}]}), "B": resource()}
    assert creation_order(resources, "S") == ["A", "B"]


def test_a_cycle_is_named() -> None:
    resources = {"A": resource(x={"Ref": "B"}), "B": resource(depends_on=["A"])}
    with pytest.raises(ValueError, match="stack S: resources depend on each other: A -> B -> A"):
        creation_order(resources, "S")


def test_a_dependency_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="A depends on Ghost"):
        creation_order({"A": resource(depends_on=["Ghost"])}, "S")


def test_what_uses_a_role_comes_after_its_policies() -> None:
    resources = {
        "Schedule": resource("AWS::Events::Rule", target={"Ref": "Function"}),
        "Function": resource("AWS::Lambda::Function", role={"Fn::GetAtt": ["Role", "Arn"]}),
        "Role": resource("AWS::IAM::Role"),
        "Policy": resource("AWS::IAM::Policy", Roles=[{"Ref": "Role"}]),
    }
    assert creation_order(resources, "S") == ["Role", "Policy", "Function", "Schedule"]


def test_a_policy_that_speaks_of_its_user_comes_after_it() -> None:
    resources = {
        "Function": resource("AWS::Lambda::Function", role={"Ref": "Role"}),
        "Mapping": resource("AWS::Lambda::EventSourceMapping", function={"Ref": "Function"}),
        "Role": resource("AWS::IAM::Role"),
        "Policy": resource("AWS::IAM::Policy", Roles=[{"Ref": "Role"}], on={"Ref": "Function"}),
    }
    assert creation_order(resources, "S") == ["Role", "Function", "Policy", "Mapping"]
