from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.template.assembly import Assembly
from localcloud.template.check import check_assembly

if TYPE_CHECKING:
    from tests.template.conftest import WriteAssembly


def check(folder: Path) -> None:
    check_assembly(Assembly.load(folder))


def one(resource: object) -> dict[str, Any]:
    return {"S": {"Resources": {"It": resource}}}


def test_known_types_pass(write_assembly: WriteAssembly) -> None:
    check(write_assembly(one({"Type": "AWS::SQS::Queue"})))
    check(write_assembly(one({"Type": "Custom::Anything"})))


def test_an_unknown_type_is_named_with_its_place(write_assembly: WriteAssembly) -> None:
    with pytest.raises(ValueError, match=r"stack S, resource It: AWS::Made::Up is not in .*table"):
        check(write_assembly(one({"Type": "AWS::Made::Up"})))


def test_an_unknown_type_counts_even_where_its_condition_is_false(
    write_assembly: WriteAssembly,
) -> None:
    template = one({"Type": "AWS::Made::Up", "Condition": "Never"})
    template["S"]["Conditions"] = {"Never": {"Fn::Equals": [1, 2]}}
    with pytest.raises(ValueError, match="AWS::Made::Up"):
        check(write_assembly(template))


def test_a_refused_type_says_why(write_assembly: WriteAssembly) -> None:
    with pytest.raises(ValueError, match=r"AWS::RDS::DBInstance is refused: .*DynamoDB"):
        check(write_assembly(one({"Type": "AWS::RDS::DBInstance"})))


def test_an_unknown_function_is_named_with_its_place(write_assembly: WriteAssembly) -> None:
    resource = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::ForEach": []}}}
    with pytest.raises(ValueError, match=r"It\.Properties\.QueueName: Fn::ForEach"):
        check(write_assembly(one(resource)))


def test_a_transform_is_refused(write_assembly: WriteAssembly) -> None:
    with pytest.raises(ValueError, match="AWS::Serverless-2016-10-31 runs in AWS only"):
        check(write_assembly({"S": {"Transform": "AWS::Serverless-2016-10-31"}}))


def test_an_unknown_type_in_a_nested_stack_is_named(write_assembly: WriteAssembly) -> None:
    folder = write_assembly(
        one({"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "s3/abc.json"}})
    )
    nested = {"Resources": {"Deep": {"Type": "AWS::Made::Up"}}}
    (folder / "nested.json").write_text(json.dumps(nested))
    destinations = {"here": {"bucketName": "assets", "objectKey": "abc.json"}}
    files = {"abc": {"source": {"path": "nested.json"}, "destinations": destinations}}
    (folder / "S.assets.json").write_text(json.dumps({"files": files}))
    manifest = json.loads((folder / "manifest.json").read_text())
    artifact = {"type": "cdk:asset-manifest", "properties": {"file": "S.assets.json"}}
    manifest["artifacts"]["S.assets"] = artifact
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="stack S/It, resource Deep: AWS::Made::Up"):
        check(folder)


def test_a_parameter_without_a_value_stops_the_start(write_assembly: WriteAssembly) -> None:
    template = {"Parameters": {"Size": {"Type": "String"}}, "Resources": {}}
    with pytest.raises(ValueError, match=r"stack S: parameter Size .* --parameters Size=VALUE"):
        check(write_assembly({"S": template}))
    given = {"properties": {"templateFile": "S.template.json", "parameters": {"Size": "2"}}}
    check(write_assembly({"S": template}, S=given))
