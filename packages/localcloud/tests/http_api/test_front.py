"""Requests of every kind, most of them hostile, against a deployed API."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest


def echo(event: Any) -> Any:
    return {"statusCode": 200, "body": json.dumps(event)}


def raw(api: Any, request: bytes, *, leaves: bool = False) -> bytes:
    """What the server answers to bytes as they are; who leaves sends no more."""
    host, port = api.cloud.endpoint_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request)
        if leaves:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_a_proxy_event_has_everything(api: Any) -> None:
    api.proxy("/pets/{id}", echo, "POST")
    api.deploy()
    answer = api.call(
        "/pets/a%20b?tag=%E7%8A%AC&tag=2&empty=",
        "POST",
        body="名前".encode(),
        headers={"Content-Type": "text/plain; charset=utf-8", "X-Thing": "t"},
    )
    event = json.loads(answer.data)
    assert event["resource"] == "/pets/{id}"
    assert event["path"] == "/pets/a%20b"
    assert event["pathParameters"] == {"id": "a%20b"}
    assert event["queryStringParameters"] == {"tag": "2", "empty": ""}
    assert event["multiValueQueryStringParameters"]["tag"] == ["犬", "2"]
    assert event["headers"]["X-Thing"] == "t"
    assert event["body"] == "名前" and event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["path"] == "/prod/pets/a%20b"
    assert context["resourcePath"] == "/pets/{id}"
    assert context["stage"] == "prod" and context["apiId"] == api.id
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["requestId"] == answer.headers["x-amzn-RequestId"]
    assert answer.headers["x-amz-apigw-id"] == context["extendedRequestId"]


def test_an_empty_request_has_nulls(api: Any) -> None:
    api.proxy("/", echo)
    api.deploy()
    event = json.loads(api.call("/").data)
    empty = ("body", "pathParameters", "queryStringParameters", "stageVariables")
    assert [event[name] for name in empty] == [None] * 4


def test_binary_media_types_go_both_ways_as_base64(api: Any) -> None:
    def handler(event: Any) -> Any:
        assert event["isBase64Encoded"] is True
        return {"statusCode": 200, "body": event["body"], "isBase64Encoded": True}

    patch = {"op": "add", "path": "/binaryMediaTypes/image~1png"}
    api.gateway.update_rest_api(restApiId=api.id, patchOperations=[patch])
    api.proxy("/", handler, "POST")
    api.deploy()
    headers = {"Content-Type": "image/png", "Accept": "image/png"}
    assert (
        api.call("/", "POST", body=b"\x89PNG\x00\xff", headers=headers).data == b"\x89PNG\x00\xff"
    )
    headers["Accept"] = "text/html"
    assert api.call("/", "POST", body=b"\x89PNG", headers=headers).data == b"iVBORw=="


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/pets/1/2", "//", "/%00", "/..%2f..%2fetc", "/%", "/%zz", "/" + "a" * 5000],
)
def test_unknown_routes_are_missing_authentication_tokens(api: Any, path: str) -> None:
    api.mock("/pets/{id}")
    api.deploy()
    answer = api.call(path)
    assert answer.status == 403
    assert json.loads(answer.data) == {"message": "Missing Authentication Token"}
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_unknown_methods_and_stages_are_refused(api: Any) -> None:
    api.mock("/pets")
    api.deploy()
    assert [api.call("/pets", m).status for m in ("POST", "BREW", "OPTIONS")] == [403] * 3
    other = api.call("/pets", stage="nosuch")
    assert (other.status, json.loads(other.data)) == (403, {"message": "Forbidden"})
    unknown = api.http.request("GET", f"{api.cloud.endpoint_url}/_aws/execute-api/zzz/prod/pets")
    assert unknown.status == 403


def test_head_has_headers_and_no_body(api: Any) -> None:
    api.proxy("/", echo, "ANY")
    api.deploy()
    answer = api.call("/", "HEAD")
    assert answer.status == 200 and answer.data == b""


def test_the_host_header_names_an_api_too(api: Any) -> None:
    api.proxy("/pets", echo)
    api.deploy()
    host = f"{api.id}.execute-api.us-east-1.amazonaws.com"
    answer = api.http.request(
        "GET", f"{api.cloud.endpoint_url}/prod/pets?a=1", headers={"Host": host}
    )
    event = json.loads(answer.data)
    assert event["path"] == "/pets" and event["requestContext"]["domainName"] == host


def test_a_body_above_ten_megabytes_is_too_large(api: Any) -> None:
    api.proxy("/", echo, "POST")
    api.deploy()
    answer = api.call("/", "POST", body=b"x" * (10 * 1024 * 1024 + 1))
    assert (answer.status, json.loads(answer.data)) == (413, {"message": "Request Too Long"})


def test_a_body_that_never_ends_is_not_held_in_memory(api: Any) -> None:
    api.proxy("/", echo, "POST")
    api.deploy()
    host, port = api.cloud.endpoint_url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    chunks = (b"x" * 1024 * 1024 for _ in range(11))
    path = api.url("/").removeprefix(api.cloud.endpoint_url)
    try:
        connection.request("POST", path, body=chunks, encode_chunked=True)
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # The server may close while the client still writes.
    finally:
        connection.close()


def test_a_chunked_body_is_a_body(api: Any) -> None:
    api.proxy("/", lambda event: {"body": event["body"]}, "POST")
    api.deploy()
    host, port = api.cloud.endpoint_url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    path = api.url("/").removeprefix(api.cloud.endpoint_url)
    connection.request("POST", path, body=iter([b"one ", b"two"]), encode_chunked=True)
    assert connection.getresponse().read() == b"one two"
    connection.close()


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 500\r\n\r\nnot all of it",
        b"Transfer-Encoding: chunked\r\n\r\n1f4\r\nnot all of it",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n",
    ],
)
def test_a_body_cut_short_reaches_no_function(api: Any, rest: bytes) -> None:
    api.proxy("/", echo, "POST")
    api.deploy()
    path = api.url("/").removeprefix(api.cloud.endpoint_url).encode()
    answer = raw(api, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + rest, leaves=True)
    assert answer.startswith(b"HTTP/1.1 400")
    assert api.functions.calls == []


def test_huge_and_odd_headers_do_no_harm(api: Any) -> None:
    api.proxy("/", echo)
    api.deploy()
    path = api.url("/").removeprefix(api.cloud.endpoint_url).encode()
    head = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    twice = raw(api, head + b"X-A: 1\r\nX-A: 2\r\n\r\n")
    assert twice.startswith(b"HTTP/1.1 200")
    raw(api, head + b"X-Big: " + b"y" * 200_000 + b"\r\n\r\n")
    raw(api, head + b"Broken header\r\n\r\n")
    raw(api, head + b"X-Latin: \xff\xfe\r\n\r\n")
    for control in b"\0\r":
        answer = raw(api, head + b"X-Odd: a" + bytes([control]) + b"b\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400")
    assert api.call("/").status == 200


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        [],
        {"statusCode": "abc"},
        {"statusCode": 99},
        {"statusCode": True},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"A": {"b": 1}}},
        {"statusCode": 200, "multiValueHeaders": {"A": "b"}},
        {"statusCode": 200, "headers": {"A": "b\r\nSet-Cookie: evil=1"}},
        {"statusCode": 200, "unknownMember": 1},
    ],
)
def test_a_malformed_answer_is_a_bad_gateway(api: Any, result: Any) -> None:
    api.proxy("/", lambda event: result)
    api.deploy()
    answer = api.call("/")
    assert (answer.status, json.loads(answer.data)) == (502, {"message": "Internal server error"})
    assert "Set-Cookie" not in answer.headers


def test_a_failing_function_is_a_bad_gateway(api: Any) -> None:
    def handler(event: Any) -> Any:
        api.functions.fail("boom")

    api.proxy("/", handler)
    api.deploy()
    assert api.call("/").status == 502


def test_headers_of_an_answer_reach_the_client(api: Any) -> None:
    headers = {"X-One": 1, "X-True": True, "Connection": "close", "Date": "today"}
    answer = {"headers": headers, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}}
    api.proxy("/", lambda event: answer)
    api.deploy()
    got = api.call("/")
    assert got.status == 200 and got.headers["X-One"] == "1" and got.headers["X-True"] == "true"
    assert got.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert got.headers["x-amzn-Remapped-Date"] == "today"
    assert got.headers["Content-Type"] == "application/json"


def test_a_function_that_did_not_permit_the_api_is_not_invoked(api: Any) -> None:
    api.proxy("/", echo)
    api.deploy()
    api.functions.permitted_source = "arn:aws:execute-api:us-east-1:123456789012:other/*"
    answer = api.call("/")
    assert (answer.status, json.loads(answer.data)) == (500, {"message": "Internal server error"})
    assert api.functions.calls == []
    api.functions.permitted_source = f"arn:aws:execute-api:us-east-1:123456789012:{api.id}/*/GET/"
    assert api.call("/").status == 200


def test_a_deployment_is_a_snapshot(api: Any) -> None:
    api.mock("/old")
    api.deploy()
    api.mock("/new")
    assert [api.call(p).status for p in ("/old", "/new")] == [200, 403]
    api.deploy()
    assert [api.call(p).status for p in ("/old", "/new")] == [200, 200]


def test_a_slow_integration_times_out(api: Any) -> None:
    import time

    name = api.proxy("/", lambda event: time.sleep(0.5))
    patch = {"op": "replace", "path": "/timeoutInMillis", "value": "60"}
    api.gateway.update_integration(**name, patchOperations=[patch])
    api.deploy()
    answer = api.call("/")
    assert (answer.status, json.loads(answer.data)["message"]) == (
        504,
        "Endpoint request timed out",
    )


def test_methods_under_iam_need_a_signature(api: Any) -> None:
    api.mock("/", authorizationType="AWS_IAM")
    api.deploy()
    assert api.call("/").status == 403
    assert sign(api, "nobody").status == 403


def test_methods_under_iam_ask_the_callers_policies(api: Any) -> None:
    api.mock("/", authorizationType="AWS_IAM")
    api.deploy()
    trust = {"Version": "2012-10-17", "Statement": []}
    iam = api.cloud.client("iam")
    iam.create_role(RoleName="invoker", AssumeRolePolicyDocument=json.dumps(trust))
    assert sign(api, "invoker").status == 403
    resource = f"arn:aws:execute-api:us-east-1:123456789012:{api.id}/prod/GET/"
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="invoker", PolicyName="invoke", PolicyDocument=policy)
    assert sign(api, "invoker").status == 200


def sign(api: Any, role: str) -> Any:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from localcloud.calls import Caller

    variables = api.cloud.account.credentials(Caller.role(f"arn:aws:iam::123456789012:role/{role}"))
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    request = AWSRequest("GET", api.url("/"))
    SigV4Auth(Credentials(*(variables[k] for k in keys)), "execute-api", "us-east-1").add_auth(
        request
    )
    return api.call("/", headers=dict(request.headers.items()))


def test_the_apis_own_policy_is_held_against_everyone(api: Any) -> None:
    api.mock("/open")
    api.mock("/shut")
    allow = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke"}
    policy = {
        "Version": "2012-10-17",
        "Statement": [{**allow, "Resource": "execute-api:/*/GET/open"}],
    }
    patch = {"op": "replace", "path": "/policy", "value": json.dumps(policy)}
    api.gateway.update_rest_api(restApiId=api.id, patchOperations=[patch])
    api.deploy()
    assert [api.call(p).status for p in ("/open", "/shut")] == [200, 403]
