"""Lambda authorizers: what they let pass, what they remember, and for whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

Allow = Callable[..., dict[str, Any]]


def guarded(api: Any, handler: Callable[[Any], Any], path: str = "/", **options: Any) -> None:
    """A method that echoes its event, behind an authorizer."""
    authorizer = api.authorizer(handler, **options)
    api.proxy(
        path,
        lambda event: {"body": json.dumps(event)},
        authorizationType="CUSTOM",
        authorizerId=authorizer,
    )
    api.deploy()


def asked(api: Any) -> list[Any]:
    return [event for name, event, _ in api.functions.calls if name.startswith("authorizer")]


def test_the_context_reaches_the_function_as_strings(api: Any, allow: Allow) -> None:
    context = {"tier": "gold", "limit": 5, "admin": True}
    guarded(api, lambda event: allow(event, context=context))
    event = json.loads(api.call("/", headers={"Authorization": "Bearer a"}).data)
    authorizer = event["requestContext"]["authorizer"]
    assert {k: authorizer[k] for k in context} == {"tier": "gold", "limit": "5", "admin": "true"}
    assert authorizer["principalId"] == "someone"
    [question] = asked(api)
    assert question["authorizationToken"] == "Bearer a" and question["type"] == "TOKEN"
    assert question["methodArn"].endswith(f":{api.id}/prod/GET/")


def test_without_the_token_nobody_is_asked(api: Any, allow: Allow) -> None:
    guarded(api, allow, identityValidationExpression="^Bearer .+")
    for headers in ({}, {"Authorization": ""}, {"Authorization": "Basic x"}):
        answer = api.call("/", headers=headers)
        assert (answer.status, json.loads(answer.data)) == (401, {"message": "Unauthorized"})
    assert asked(api) == []


def test_the_cache_keeps_consumers_apart(api: Any, allow: Allow) -> None:
    guarded(api, lambda event: allow(event, context={"who": event["authorizationToken"]}))
    for token in ("a", "b", "a", "b"):
        event = json.loads(api.call("/", headers={"Authorization": token}).data)
        assert event["requestContext"]["authorizer"]["who"] == token
    assert len(asked(api)) == 2


def test_parts_of_an_identity_do_not_run_into_each_other(api: Any, allow: Allow) -> None:
    source = "method.request.header.X-A, method.request.header.X-B"
    guarded(
        api,
        lambda event: allow(event, context={"a": event["headers"]["X-A"]}),
        type="REQUEST",
        identitySource=source,
    )
    for a, b in (("1", "2,3"), ("1,2", "3")):
        event = json.loads(api.call("/", headers={"X-A": a, "X-B": b}).data)
        assert event["requestContext"]["authorizer"]["a"] == a
    assert len(asked(api)) == 2
    assert api.call("/", headers={"X-A": "1"}).status == 401


def test_the_cache_ends_with_its_time_to_live(api: Any, allow: Allow) -> None:
    guarded(api, allow, authorizerResultTtlInSeconds=60)
    for _ in range(3):
        api.call("/", headers={"Authorization": "a"})
    assert len(asked(api)) == 1
    api.cloud.clock.advance(timedelta(seconds=61))
    api.call("/", headers={"Authorization": "a"})
    assert len(asked(api)) == 2
    api.gateway.flush_stage_authorizers_cache(restApiId=api.id, stageName="prod")
    api.call("/", headers={"Authorization": "a"})
    assert len(asked(api)) == 3


def test_without_a_time_to_live_every_request_asks(api: Any, allow: Allow) -> None:
    guarded(api, allow, authorizerResultTtlInSeconds=0)
    for _ in range(2):
        api.call("/", headers={"Authorization": "a"})
    assert len(asked(api)) == 2


def test_a_cached_policy_is_evaluated_on_each_method(api: Any) -> None:
    def only_first(event: Any) -> Any:
        resource = event["methodArn"].rsplit("/", 1)[0] + "/first"
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        return {"principalId": "u", "policyDocument": document}

    authorizer = api.authorizer(only_first)
    for path in ("/first", "/second"):
        api.mock(path, authorizationType="CUSTOM", authorizerId=authorizer)
    api.deploy()
    headers = {"Authorization": "a"}
    assert [api.call(p, headers=headers).status for p in ("/first", "/second")] == [200, 403]
    assert len(asked(api)) == 1


def test_an_explicit_deny_is_access_denied(api: Any) -> None:
    def deny(event: Any) -> Any:
        statements = [
            {"Effect": effect, "Action": "execute-api:*", "Resource": "*"}
            for effect in ("Allow", "Deny")
        ]
        return {
            "principalId": "u",
            "policyDocument": {"Version": "2012-10-17", "Statement": statements},
        }

    guarded(api, deny)
    answer = api.call("/", headers={"Authorization": "a"})
    assert answer.status == 403 and "explicit deny" in json.loads(answer.data)["message"]
    assert answer.headers["x-amzn-ErrorType"] == "AccessDeniedException"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"principalId": "u"},
        {"principalId": 1, "policyDocument": {}},
        {"principalId": "u", "policyDocument": {"Version": "2012-10-17"}},
        {"principalId": "u", "policyDocument": {"Statement": [{"Effect": "Maybe"}]}},
    ],
)
def test_what_is_no_policy_lets_nobody_pass(api: Any, answer: Any) -> None:
    guarded(api, lambda event: answer)
    got = api.call("/", headers={"Authorization": "a"})
    assert (got.status, json.loads(got.data)) == (500, {"message": None})
    assert got.headers["x-amzn-ErrorType"] == "AuthorizerConfigurationException"


def test_a_context_of_objects_lets_nobody_pass(api: Any, allow: Allow) -> None:
    guarded(api, lambda event: allow(event, context={"roles": ["admin"]}))
    assert api.call("/", headers={"Authorization": "a"}).status == 500


@pytest.mark.parametrize(("message", "status"), [("Unauthorized", 401), ("boom", 500)])
def test_an_authorizer_that_raises(api: Any, message: str, status: int) -> None:
    guarded(api, lambda event: api.functions.fail(message))
    assert api.call("/", headers={"Authorization": "a"}).status == status


def test_a_request_authorizer_sees_the_request(api: Any, allow: Allow) -> None:
    guarded(
        api,
        allow,
        "/pets/{id}",
        type="REQUEST",
        identitySource="method.request.querystring.key",
    )
    assert api.call("/pets/1").status == 401
    assert api.call("/pets/1?key=k").status == 200
    [question] = asked(api)
    assert question["type"] == "REQUEST" and question["pathParameters"] == {"id": "1"}
    assert question["queryStringParameters"] == {"key": "k"}


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/%61dmin", "/%61%64min/"])
def test_no_spelling_of_a_path_leads_past_a_deny(api: Any, path: str) -> None:
    def all_but_admin(event: Any) -> Any:
        base = event["methodArn"].split("/")[0]
        statements = [
            {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{base}/*"},
            {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": f"{base}/*/*/admin"},
        ]
        document = {"Version": "2012-10-17", "Statement": statements}
        return {"principalId": "u", "policyDocument": document}

    authorizer = api.authorizer(all_but_admin)
    for each in ("/admin", "/{other}"):
        api.mock(each, authorizationType="CUSTOM", authorizerId=authorizer)
    api.deploy()
    headers = {"Authorization": "a"}
    assert api.call(path, headers=headers).status == 403
    assert api.call("/else", headers=headers).status == 200
