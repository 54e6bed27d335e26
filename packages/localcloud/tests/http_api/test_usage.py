"""API keys and usage plans in front of an API."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError


def keyed(api: Any, path: str = "/") -> None:
    api.proxy(path, lambda event: {"body": json.dumps(event)}, apiKeyRequired=True)
    api.deploy()


def plan(api: Any, **options: Any) -> str:
    stages = [{"apiId": api.id, "stage": "prod"}]
    return str(api.gateway.create_usage_plan(name="p", apiStages=stages, **options)["id"])


def key(api: Any, *plans: str, enabled: bool = True) -> dict[str, Any]:
    made: dict[str, Any] = api.gateway.create_api_key(name="k", enabled=enabled)
    for each in plans:
        api.gateway.create_usage_plan_key(usagePlanId=each, keyId=made["id"], keyType="API_KEY")
    return made


def call(api: Any, value: str, path: str = "/") -> Any:
    return api.call(path, headers={"x-api-key": value})


def test_a_key_of_the_stages_plan_passes(api: Any) -> None:
    keyed(api)
    known = key(api, plan(api))
    answer = call(api, known["value"])
    identity = json.loads(answer.data)["requestContext"]["identity"]
    assert (identity["apiKey"], identity["apiKeyId"]) == (known["value"], known["id"])


def test_other_keys_are_forbidden(api: Any) -> None:
    keyed(api)
    mine = plan(api)
    elsewhere = api.gateway.create_usage_plan(name="other")["id"]
    refused = ["", "nonsense", key(api)["value"], key(api, elsewhere)["value"]]
    refused.append(key(api, mine, enabled=False)["value"])
    for value in refused:
        answer = call(api, value)
        assert (answer.status, json.loads(answer.data)) == (403, {"message": "Forbidden"}), value
        assert answer.headers["x-amzn-ErrorType"] == "ForbiddenException"
    assert api.functions.calls == []


def test_a_plans_burst_is_each_keys_own(api: Any) -> None:
    keyed(api)
    shared = plan(api, throttle={"rateLimit": 1.0, "burstLimit": 2})
    first, second = key(api, shared), key(api, shared)
    statuses = [call(api, first["value"]).status for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    assert call(api, second["value"]).status == 200
    api.cloud.clock.advance(timedelta(seconds=1))
    answer = call(api, first["value"])
    assert answer.status == 200
    answer = call(api, first["value"])
    assert json.loads(answer.data) == {"message": "Too Many Requests"}
    assert answer.headers["x-amzn-ErrorType"] == "TooManyRequestsException"


def test_a_plan_may_throttle_one_method_more(api: Any) -> None:
    api.mock("/a", apiKeyRequired=True)
    api.mock("/b", apiKeyRequired=True)
    api.deploy()
    stage = {
        "apiId": api.id,
        "stage": "prod",
        "throttle": {"/a/GET": {"rateLimit": 1.0, "burstLimit": 1}},
    }
    made = api.gateway.create_usage_plan(
        name="p", apiStages=[stage], throttle={"rateLimit": 100.0, "burstLimit": 100}
    )
    value = key(api, made["id"])["value"]
    assert [call(api, value, "/a").status for _ in range(2)] == [200, 429]
    assert [call(api, value, "/b").status for _ in range(2)] == [200, 200]


def test_a_quota_ends_with_its_day_and_usage_is_told(api: Any) -> None:
    keyed(api)
    made = plan(api, quota={"limit": 2, "period": "DAY"})
    known = key(api, made)
    assert [call(api, known["value"]).status for _ in range(3)] == [200, 200, 429]
    answer = call(api, known["value"])
    assert json.loads(answer.data) == {"message": "Limit Exceeded"}
    assert answer.headers["x-amzn-ErrorType"] == "LimitExceededException"
    today = api.cloud.clock.now().date().isoformat()
    usage = api.gateway.get_usage(usagePlanId=made, startDate=today, endDate=today)
    assert usage["items"] == {known["id"]: [[2, 0]]}
    api.cloud.clock.advance(timedelta(days=1))
    assert call(api, known["value"]).status == 200


def test_a_key_is_granted_more_until_the_period_ends(api: Any) -> None:
    keyed(api)
    made = plan(api, quota={"limit": 1, "period": "DAY"})
    known, other = key(api, made), key(api, made)

    def grant(path: str, value: str) -> Any:
        patch = {"op": "replace", "path": path, "value": value}
        return api.gateway.update_usage(
            usagePlanId=made, keyId=known["id"], patchOperations=[patch]
        )

    assert [call(api, known["value"]).status for _ in range(2)] == [200, 429]
    assert grant("/remaining", "2")["items"] == {known["id"]: [[1, 2]]}
    assert [call(api, known["value"]).status for _ in range(3)] == [200, 200, 429]
    assert [call(api, other["value"]).status for _ in range(2)] == [200, 429]
    api.cloud.clock.advance(timedelta(days=1))
    assert [call(api, known["value"]).status for _ in range(2)] == [200, 429]
    for path, value in (("/used", "1"), ("/remaining", "-1"), ("/remaining", "many")):
        with pytest.raises(ClientError, match="BadRequest"):
            grant(path, value)


def test_a_stage_throttles_its_methods_for_all_callers(api: Any) -> None:
    api.mock("/a")
    api.mock("/b")
    api.deploy()
    patches = [
        {"op": "replace", "path": f"/~1a/GET/throttling/{name}", "value": "1"}
        for name in ("rateLimit", "burstLimit")
    ]
    stage = api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=patches)
    assert stage["methodSettings"]["~1a/GET"]["throttlingBurstLimit"] == 1
    assert [api.call("/a").status for _ in range(2)] == [200, 429]
    assert [api.call("/b").status for _ in range(2)] == [200, 200]


def test_the_authorizer_may_say_whose_key_it_is(
    api: Any, allow: Callable[..., dict[str, Any]]
) -> None:
    patch = {"op": "replace", "path": "/apiKeySource", "value": "AUTHORIZER"}
    api.gateway.update_rest_api(restApiId=api.id, patchOperations=[patch])
    authorizer = api.authorizer(
        lambda event: allow(event, usageIdentifierKey=event["authorizationToken"][7:])
    )
    api.mock("/", apiKeyRequired=True, authorizationType="CUSTOM", authorizerId=authorizer)
    api.deploy()
    known = key(api, plan(api))
    assert api.call("/", headers={"Authorization": f"Bearer {known['value']}"}).status == 200
    assert api.call("/", headers={"Authorization": "Bearer other"}).status == 403
    mixed = {"Authorization": "Bearer other", "x-api-key": known["value"]}
    assert api.call("/", headers=mixed).status == 403


def test_a_key_that_is_taken_away_passes_no_more(api: Any) -> None:
    keyed(api)
    made = plan(api)
    known = key(api, made)
    assert call(api, known["value"]).status == 200
    api.gateway.delete_usage_plan_key(usagePlanId=made, keyId=known["id"])
    assert call(api, known["value"]).status == 403


def test_a_keys_value_is_told_only_when_asked(api: Any) -> None:
    made = api.gateway.create_api_key(name="k", value="v" * 30, enabled=True)
    assert "value" not in api.gateway.get_api_key(apiKey=made["id"])
    shown = api.gateway.get_api_key(apiKey=made["id"], includeValue=True)
    assert shown["value"] == "v" * 30
    with pytest.raises(ClientError, match="ConflictException"):
        api.gateway.create_api_key(name="again", value="v" * 30)
    with pytest.raises(ClientError, match="BadRequestException"):
        api.gateway.create_api_key(name="short", value="v")
