"""Lambda's API: versions, aliases, permissions, layers, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

VALUE = "VALUE = {}\ndef handler(event, context): return [VALUE, context.function_version]"


def test_versions_and_aliases_resolve(account: Any) -> None:
    api, name = account.api, account.function(VALUE.format(1))
    first = api.publish_version(FunctionName=name)
    assert first["Version"] == "1"
    assert api.publish_version(FunctionName=name)["Version"] == "1"
    archive = account.archive({"index.py": VALUE.format(2)})
    api.update_function_code(FunctionName=name, ZipFile=archive, Publish=True)
    api.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert account.invoke(f"{name}:live") == [1, "1"]
    assert account.invoke(first["FunctionArn"]) == [1, "1"]
    api.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    assert account.invoke(name, Qualifier="live") == [2, "2"]
    assert account.invoke(name) == [2, "$LATEST"]
    versions = api.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
    with pytest.raises(api.exceptions.ResourceNotFoundException, match=":9"):
        account.invoke(f"{name}:9")
    with pytest.raises(api.exceptions.ResourceConflictException):
        api.delete_function(FunctionName=name, Qualifier="2")


def test_an_alias_shares_its_calls_by_weight(account: Any) -> None:
    name = account.function(VALUE.format(1))
    account.api.publish_version(FunctionName=name)
    archive = account.archive({"index.py": VALUE.format(2)})
    account.api.update_function_code(FunctionName=name, ZipFile=archive, Publish=True)
    account.api.create_alias(
        FunctionName=name,
        Name="canary",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )
    versions = {account.invoke(f"{name}:canary")[1] for _ in range(40)}
    assert versions == {"1", "2"}


def test_permissions_make_a_policy(account: Any) -> None:
    api, name = account.api, account.function(VALUE.format(1))
    arn = api.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    assert account.service.resource_policy(arn) is None
    rule = "arn:aws:events:us-east-1:123456789012:rule/r"
    request = {
        "FunctionName": name,
        "StatementId": "s",
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": rule,
    }
    api.add_permission(**request)
    with pytest.raises(api.exceptions.ResourceConflictException):
        api.add_permission(**request)
    (statement,) = json.loads(api.get_policy(FunctionName=name)["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Resource"] == arn
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": rule}}
    api.remove_permission(FunctionName=name, StatementId="s")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_policy(FunctionName=name)


def test_layers_are_on_the_path(account: Any) -> None:
    published = account.api.publish_layer_version(
        LayerName="shared",
        Content={"ZipFile": account.archive({"python/shared.py": "WORD = '層'"})},
    )
    powertools = (
        "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:4"
    )
    insights = "arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension:53"
    name = account.function(
        """
        import shared
        from aws_lambda_powertools import Logger
        def handler(event, context): return [shared.WORD, Logger.__name__]
        """,
        Layers=[published["LayerVersionArn"], powertools, insights],
    )
    assert account.invoke(name) == ["層", "Logger"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"Runtime": "java21"}, "java21"),
        ({"Runtime": "provided.al2023"}, "provided.al2023"),
        ({"PackageType": "Image", "Code": {"ImageUri": "i"}}, "Image"),
        ({"Layers": ["arn:aws:lambda:us-east-1:111111111111:layer:unknown:1"]}, "unknown:1"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "AWS_REGION"),
        ({"Timeout": 901}, "900"),
    ],
)
def test_what_cannot_run_is_refused_by_name(
    account: Any, settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError, match=named):
        account.function(VALUE.format(1), **settings)


def test_names_that_do_not_exist(account: Any) -> None:
    for call in (account.api.get_function, account.api.delete_function, account.api.invoke):
        with pytest.raises(account.api.exceptions.ResourceNotFoundException, match="nobody"):
            call(FunctionName="nobody")


def test_a_payload_that_is_not_json(account: Any) -> None:
    name = account.function(VALUE.format(1))
    with pytest.raises(account.api.exceptions.InvalidRequestContentException):
        account.api.invoke(FunctionName=name, Payload=b"{broken")


def test_a_role_may_invoke_only_what_it_is_granted(account: Any) -> None:
    target = account.function(VALUE.format(1))
    source = """
        import boto3, json
        def handler(event, context):
            answer = boto3.client("lambda").invoke(FunctionName=event)
            return json.load(answer["Payload"])
    """
    caller = account.function(source, Role=account.role("logs:*"))
    _, error = account.invoke(caller, target)
    assert "lambda:InvokeFunction" in error["errorMessage"]
    granted = account.function(source, Role=account.role("lambda:InvokeFunction"))
    assert account.invoke(granted, target) == [1, "$LATEST"]


def test_dry_run_runs_nothing(account: Any) -> None:
    name = account.function("raise SystemExit")
    answer = account.api.invoke(FunctionName=name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
