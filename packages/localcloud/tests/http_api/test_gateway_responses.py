"""What API Gateway itself answers, as an API customises it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.http_api.gateway_responses import GatewayError, answer, error_context, substitute


def put(api: Any, response_type: str, **options: Any) -> None:
    api.gateway.put_gateway_response(restApiId=api.id, responseType=response_type, **options)


def test_an_error_in_another_shape(api: Any) -> None:
    api.mock("/")
    put(
        api,
        "DEFAULT_4XX",
        responseParameters={
            "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
            "gatewayresponse.header.X-Asked": "method.request.header.X-Question",
            "gatewayresponse.header.X-Path": "context.path",
            "gatewayresponse.header.X-Absent": "method.request.querystring.nosuch",
        },
        responseTemplates={
            "application/json": '{"error":{"message":$context.error.messageString,'
            '"type":"$context.error.responseType","id":"${context.requestId}",'
            '"stage":"$context.stage"}}'
        },
    )
    put(api, "MISSING_AUTHENTICATION_TOKEN", statusCode="404")
    api.deploy()
    got = api.call("/nosuch", headers={"X-Question": "why"})
    assert got.status == 404, "a response type's own customisation comes before the default"
    assert json.loads(got.data) == {"message": "Missing Authentication Token"}
    got = api.call("/", "PUT", headers={"X-Question": "why"})
    assert got.status == 404


def test_the_default_covers_types_without_their_own(api: Any) -> None:
    api.mock("/", apiKeyRequired=True)
    template = (
        '{"error":{"message":$context.error.messageString,'
        '"type":"$context.error.responseType","id":"${context.requestId}"}}'
    )
    put(
        api,
        "DEFAULT_4XX",
        responseParameters={
            "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
            "gatewayresponse.header.X-Asked": "method.request.header.X-Question",
            "gatewayresponse.header.X-Absent": "method.request.querystring.nosuch",
        },
        responseTemplates={"application/json": template},
    )
    api.deploy()
    got = api.call("/", headers={"x-question": "why"})
    error = json.loads(got.data)["error"]
    assert got.status == 403
    assert (error["message"], error["type"]) == ("Forbidden", "INVALID_API_KEY")
    assert error["id"] == got.headers["x-amzn-RequestId"]
    assert got.headers["Access-Control-Allow-Origin"] == "*"
    assert got.headers["X-Asked"] == "why" and "X-Absent" not in got.headers


def test_a_default_may_change_the_status_of_all(api: Any) -> None:
    api.proxy("/", lambda event: "malformed")
    put(api, "DEFAULT_5XX", statusCode="503")
    api.deploy()
    assert api.call("/").status == 503


def test_what_the_client_sends_can_not_break_the_template(api: Any) -> None:
    api.mock("/")
    put(
        api,
        "MISSING_AUTHENTICATION_TOKEN",
        responseParameters={"gatewayresponse.header.X-Echo": "method.request.querystring.q"},
        responseTemplates={"application/json": '{"path":"$context.path"}'},
    )
    api.deploy()
    got = api.call("/nosuch?q=a%0d%0aSet-Cookie:%20evil=1")
    assert got.status == 403 and "Set-Cookie" not in got.headers


def test_the_accept_header_chooses_the_template() -> None:
    responses = {
        "THROTTLED": {
            "responseTemplates": {
                "text/html": "<b>$context.error.message</b>",
                "application/json": "{}",
            }
        }
    }
    error = GatewayError("THROTTLED", "Too Many Requests")
    variables = {"context": {"error": error_context(error)}}
    status, headers, body = answer(error, responses, variables, "text/html;q=1, */*")
    assert (status, headers["Content-Type"]) == (429, "text/html")
    assert body == "<b>Too Many Requests</b>"
    assert answer(error, responses, variables, "image/png")[2] == "{}"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$context.a.b", "1"),
        ("${context.a.b}x", "1x"),
        ("$context.a.b.", "1."),
        ("$context.none", "-"),
        ("$other.x $5", "$other.x $5"),
        ("$context.a", '{"b":"1"}'),
    ],
)
def test_variables_are_put_in(template: str, expected: str) -> None:
    assert substitute(template, {"context": {"a": {"b": "1"}}}) == expected
