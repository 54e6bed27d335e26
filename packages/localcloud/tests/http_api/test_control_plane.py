"""API Gateway's own API, with boto3."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.calls import ServiceError
from localcloud.http_api.patching import patched


def test_a_tree_of_resources(api: Any) -> None:
    gateway = api.gateway
    pets = api.resource("pets")
    pet = api.resource("pets", "{id}")
    assert gateway.get_resource(restApiId=api.id, resourceId=pet)["path"] == "/pets/{id}"
    for part in ("{other}", "a/b", "{a", ""):
        with pytest.raises(ClientError):
            gateway.create_resource(restApiId=api.id, parentId=pets, pathPart=part)
    with pytest.raises(ClientError, match="ConflictException"):
        gateway.create_resource(restApiId=api.id, parentId=pets, pathPart="{id}")
    patch = {"op": "replace", "path": "/pathPart", "value": "animals"}
    gateway.update_resource(restApiId=api.id, resourceId=pets, patchOperations=[patch])
    assert gateway.get_resource(restApiId=api.id, resourceId=pet)["path"] == "/animals/{id}"
    gateway.delete_resource(restApiId=api.id, resourceId=pets)
    assert [r["path"] for r in gateway.get_resources(restApiId=api.id)["items"]] == ["/"]


def test_what_aws_would_refuse(api: Any) -> None:
    gateway = api.gateway
    with pytest.raises(ClientError, match="NotFoundException"):
        gateway.get_rest_api(restApiId="nosuch")
    with pytest.raises(ClientError, match="COGNITO_USER_POOLS authorization is not simulated"):
        api.method("/", authorizationType="COGNITO_USER_POOLS")
    with pytest.raises(ClientError, match="Invalid authorizer ID"):
        api.method("/", authorizationType="CUSTOM", authorizerId="nosuch")
    with pytest.raises(ClientError, match="doesn't contain any methods"):
        api.deploy()
    api.method("/")
    with pytest.raises(ClientError, match="No integration defined"):
        api.deploy()
    with pytest.raises(ClientError, match="ConflictException"):
        api.method("/")


def test_openapi_is_refused_by_name(api: Any) -> None:
    with pytest.raises(ClientError, match="PutRestApi"):
        api.gateway.put_rest_api(restApiId=api.id, body=b"{}")


def test_methods_are_shown_in_full_when_asked(api: Any) -> None:
    api.mock("/pets")
    shown = api.gateway.get_resources(restApiId=api.id, embed=["methods"])["items"]
    [methods] = [r["resourceMethods"] for r in shown if r["path"] == "/pets"]
    assert methods["GET"]["methodIntegration"]["type"] == "MOCK"


def test_a_stage_keeps_its_settings_over_deployments(api: Any) -> None:
    api.mock("/")
    api.deploy()
    patches = [
        {"op": "replace", "path": "/variables/color", "value": "red"},
        {"op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO"},
        {"op": "replace", "path": "/*/*/metrics/enabled", "value": "true"},
    ]
    api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=patches)
    api.deploy()
    stage = api.gateway.get_stage(restApiId=api.id, stageName="prod")
    assert stage["variables"] == {"color": "red"}
    assert stage["methodSettings"]["*/*"] == {"loggingLevel": "INFO", "metricsEnabled": True}
    with pytest.raises(ClientError, match="Active stages"):
        api.gateway.delete_deployment(restApiId=api.id, deploymentId=stage["deploymentId"])
    api.gateway.delete_stage(restApiId=api.id, stageName="prod")
    assert api.call("/").status == 403


def test_usage_plans_are_patched_stage_by_stage(api: Any) -> None:
    api.mock("/")
    api.deploy()
    plan = api.gateway.create_usage_plan(name="p")["id"]
    name = f"{api.id}:prod"
    patches = [
        {"op": "add", "path": "/apiStages", "value": name},
        {"op": "replace", "path": "/throttle/rateLimit", "value": "2.5"},
        {"op": "replace", "path": f"/apiStages/{name}/throttle/~1/GET/burstLimit", "value": "3"},
    ]
    changed = api.gateway.update_usage_plan(usagePlanId=plan, patchOperations=patches)
    assert changed["throttle"] == {"rateLimit": 2.5}
    assert changed["apiStages"][0]["throttle"] == {"//GET": {"burstLimit": 3}}
    patches = [{"op": "remove", "path": "/apiStages", "value": name}]
    changed = api.gateway.update_usage_plan(usagePlanId=plan, patchOperations=patches)
    assert changed["apiStages"] == []
    with pytest.raises(ClientError, match="API Stage not found"):
        api.gateway.update_usage_plan(
            usagePlanId=plan,
            patchOperations=[{"op": "add", "path": "/apiStages", "value": "no:such"}],
        )


def test_listings_have_pages(api: Any) -> None:
    for number in range(5):
        api.gateway.create_model(
            restApiId=api.id, name=f"M{number}", contentType="application/json", schema="{}"
        )
    pages = api.gateway.get_paginator("get_models").paginate(
        restApiId=api.id, PaginationConfig={"PageSize": 3}
    )
    sizes = [len(page["items"]) for page in pages]
    assert sizes == [3, 3, 1], "five of ours, Empty and Error"


def test_tags_by_arn(api: Any) -> None:
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api.id}"
    api.gateway.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    api.gateway.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert api.gateway.get_tags(resourceArn=arn)["tags"] == {"b": "2"}


@pytest.mark.parametrize(
    ("operation", "refusal"),
    [
        ({"op": "replace", "path": "name", "value": "x"}, "must start with /"),
        ({"op": "replace", "path": "/secret", "value": "x"}, "must be one of"),
        ({"op": "test", "path": "/name", "value": "x"}, "not supported"),
        ({"op": "replace", "path": "/enabled", "value": "perhaps"}, "Invalid value"),
        ({"op": "replace", "path": "/name/x", "value": "y"}, "Invalid patch path"),
    ],
)
def test_patches_that_make_no_sense(operation: dict[str, str], refusal: str) -> None:
    with pytest.raises(ServiceError, match=refusal):
        patched({"name": "n", "enabled": True}, [operation], ["name", "enabled"])
