"""Function URLs: events, answers, permissions, CORS, streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from localcloud.calls import Caller
from localcloud.functions.url_events import read_answer

ECHO = """
    def handler(event, context):
        answer = event["queryStringParameters"].get("answer") if event["rawQueryString"] else None
        return {"event": event} if answer is None else __import__("json").loads(answer)
"""
STREAM = """
    export const handler = awslambda.streamifyResponse(async (event, stream) => {
        const meta = {statusCode: 201, headers: {"x-way": event.rawPath}};
        stream = awslambda.HttpResponseStream.from(stream, meta);
        stream.write("first "); stream.write("second"); stream.end();
    });
"""


@pytest.fixture(scope="module")
def echo(account: Any) -> str:
    return str(account.function(ECHO))


def open_up(account: Any, name: str, auth_type: str = "NONE", **options: Any) -> str:
    """A URL that everyone may call, as CDK's `add_function_url` makes it."""
    url = account.api.create_function_url_config(FunctionName=name, AuthType=auth_type, **options)
    if auth_type == "NONE":
        for action, condition in (
            ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}),
            ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
        ):
            account.api.add_permission(
                FunctionName=name,
                StatementId=action.partition(":")[2],
                Action=action,
                Principal="*",
                **condition,
            )
    return str(url["FunctionUrl"])


@pytest.fixture(scope="module")
def url(account: Any, echo: str) -> str:
    return open_up(account, echo)


def http(method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
    return urllib3.request(method, url, retries=False, **options)


def answered(url: str, answer: Any) -> urllib3.BaseHTTPResponse:
    return http("GET", url, fields={"answer": json.dumps(answer)})


def test_the_event_is_of_payload_format_2(url: str, account: Any) -> None:
    assert url.startswith(f"{account.cloud.endpoint_url}/_aws/lambda-url/")
    headers = {"Content-Type": "application/json", "Cookie": "a=1; b=2", "X-Own": "x"}
    got = http("POST", url + "a%20b/c?x=1&x=2&y=", body='{"あ": 1}'.encode(), headers=headers)
    event = got.json()["event"]
    assert got.status == 200
    assert event["version"] == "2.0"
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%20b/c", "x=1&x=2&y=")
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-own"] == "x"
    assert (event["body"], event["isBase64Encoded"]) == ('{"あ": 1}', False)
    context = event["requestContext"]
    assert context["accountId"] == "anonymous"
    assert context["http"]["method"] == "POST"
    assert context["http"]["path"] == "/a%20b/c"


def test_a_body_that_is_no_text_comes_in_base64(url: str) -> None:
    event = http("PUT", url, body=b"\xff\x00").json()["event"]
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


def test_status_headers_cookies_and_body_are_the_functions(url: str) -> None:
    answer = {"statusCode": 418, "headers": {"x-tea": "green"}, "cookies": ["a=1", "b=2"]}
    got = answered(url, answer | {"body": "/wA=", "isBase64Encoded": True})
    assert (got.status, got.data) == (418, b"\xff\x00")
    assert got.headers["x-tea"] == "green"
    assert got.headers.getlist("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("answer", [{"statusCode": 99}, {"statusCode": 200, "headers": ["a"]}])
def test_what_is_no_answer_is_a_502(url: str, answer: Any) -> None:
    assert answered(url, answer).status == 502


def test_a_header_can_not_begin_another() -> None:
    with pytest.raises(ValueError, match="not a header"):
        read_answer(b'{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}')


def test_a_function_that_fails_is_a_502(account: Any) -> None:
    url = open_up(account, account.function("def handler(event, context): raise KeyError('x')"))
    got = http("GET", url)
    assert (got.status, got.data.decode()) == (502, "Internal Server Error")


def test_an_open_url_needs_both_permissions(account: Any) -> None:
    name = account.function(ECHO)
    url = open_up(account, name)
    assert http("GET", url).status == 200
    account.api.remove_permission(FunctionName=name, StatementId="InvokeFunction")
    got = http("GET", url)
    assert got.status == 403
    assert got.json()["Message"].startswith("Forbidden")


def signed(account: Any, url: str, role_arn: str) -> urllib3.BaseHTTPResponse:
    own = account.cloud.account.credentials(Caller.role(role_arn, "session"))
    keys = (f"AWS_{name}" for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"))
    request = AWSRequest("GET", url)
    SigV4Auth(Credentials(*(own[key] for key in keys)), "lambda", account.cloud.region).add_auth(
        request
    )
    return http("GET", url, headers=dict(request.headers))


def test_a_url_with_iam_asks_for_the_callers_own_grants(account: Any) -> None:
    url = open_up(account, account.function(ECHO), "AWS_IAM")
    assert http("GET", url).status == 403
    half = signed(account, url, account.role("lambda:InvokeFunctionUrl"))
    assert half.status == 403
    role = account.role("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
    iam = signed(account, url, role).json()["event"]["requestContext"]["authorizer"]["iam"]
    assert iam["userArn"].endswith("/session")
    assert iam["accountId"] == account.cloud.account.id


def test_cors_is_answered_without_the_function(account: Any) -> None:
    cors = {"AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET"], "MaxAge": 60}
    url = open_up(account, account.function(ECHO), Cors=cors)
    asking = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    preflight = http("OPTIONS", url, headers=asking)
    assert preflight.headers["access-control-allow-methods"] == "GET"
    assert preflight.headers["access-control-max-age"] == "60"
    got = http("GET", url, headers={"Origin": "https://shop.example"})
    assert got.headers["access-control-allow-origin"] == "https://shop.example"
    other = http("GET", url, headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers


def test_an_alias_has_a_url_of_its_own(account: Any, echo: str) -> None:
    account.api.publish_version(FunctionName=echo)
    account.api.create_alias(FunctionName=echo, Name="live", FunctionVersion="1")
    made = account.api.create_function_url_config(
        FunctionName=echo, Qualifier="live", AuthType="AWS_IAM"
    )
    assert made["FunctionArn"].endswith(f"{echo}:live")
    role = account.role("lambda:*")
    assert signed(account, made["FunctionUrl"], role).status == 200


def test_urls_are_listed_changed_and_deleted(account: Any) -> None:
    name = account.function(ECHO)
    url = open_up(account, name)
    with pytest.raises(ClientError, match="ResourceConflictException"):
        account.api.create_function_url_config(FunctionName=name, AuthType="NONE")
    account.api.update_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    assert http("GET", url).status == 403
    listed = account.api.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]
    assert [config["AuthType"] for config in listed] == ["AWS_IAM"]
    account.api.delete_function_url_config(FunctionName=name)
    assert http("GET", url).status == 404
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        account.api.get_function_url_config(FunctionName=name)
    url = open_up(account, name, "AWS_IAM")
    account.api.delete_function(FunctionName=name)
    assert http("GET", url).status == 404


def test_a_stream_comes_with_its_status_and_headers(account: Any) -> None:
    settings = {"Runtime": "nodejs22.x", "Handler": "index.handler"}
    name = account.function({"index.mjs": STREAM}, **settings)
    url = open_up(account, name, InvokeMode="RESPONSE_STREAM")
    got = http("GET", url + "way")
    assert (got.status, got.data.decode()) == (201, "first second")
    assert got.headers["x-way"] == "/way"
