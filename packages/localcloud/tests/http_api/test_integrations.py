"""Non-proxy integrations: templates, services, web servers, MOCK."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

REGION = "us-east-1"


def role(api: Any, *actions: str) -> str:
    """A role that API Gateway may act as."""
    iam, name = api.cloud.client("iam"), f"integration-{api.id}"
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    empty = json.dumps({"Version": "2012-10-17", "Statement": []})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=empty)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
    return str(arn)


def service(
    api: Any, uri: str, credentials: str, template: str | None = None, **options: Any
) -> None:
    name = api.method("/x", "POST")
    if template is not None:
        options["requestTemplates"] = {"application/json": template}
    api.gateway.put_integration(
        **name,
        type="AWS",
        integrationHttpMethod=options.pop("integrationHttpMethod", "POST"),
        uri=f"arn:aws:apigateway:{REGION}:{uri}",
        credentials=credentials,
        **options,
    )
    api.gateway.put_integration_response(**name, statusCode="200")
    refused = {"statusCode": "400", "selectionPattern": "4\\d{2}"}
    templates = {"application/json": '{"refused":"$context.requestId"}'}
    api.gateway.put_integration_response(**name, **refused, responseTemplates=templates)
    api.deploy()


def test_cors_preflight_as_cdk_writes_it(api: Any) -> None:
    name = api.method("/", "OPTIONS")
    api.gateway.put_integration(
        **name, type="MOCK", requestTemplates={"application/json": "{ statusCode: 200 }"}
    )
    api.gateway.put_integration_response(
        **name,
        statusCode="204",
        responseParameters={
            "method.response.header.Access-Control-Allow-Origin": "'*'",
            "method.response.header.Vary": "'Origin'",
        },
    )
    api.deploy()
    answer = api.call("/", "OPTIONS")
    assert answer.status == 204 and answer.data == b""
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_mock_selects_by_status_and_maps_its_answer(api: Any) -> None:
    name = api.method("/{id}")
    template = "#if($input.params('id') == '7'){\"statusCode\": 200}#else{\"statusCode\": 404}#end"
    api.gateway.put_integration(
        **name, type="MOCK", requestTemplates={"application/json": template}
    )
    api.gateway.put_integration_response(**name, statusCode="200")
    api.gateway.put_integration_response(
        **name,
        statusCode="404",
        selectionPattern="404",
        responseTemplates={
            "application/json": "#set($context.responseOverride.header.XId = $input.params('id'))"
            '{"missing":"$util.escapeJavaScript($input.params(\'id\'))"}'
        },
    )
    api.deploy()
    assert api.call("/7").status == 200
    answer = api.call("/a%22b")
    assert answer.status == 404 and json.loads(answer.data) == {"missing": 'a"b'}
    assert answer.headers["XId"] == 'a"b'


def test_a_function_with_templates_and_an_error_pattern(api: Any) -> None:
    def handler(event: Any) -> Any:
        if event["n"] < 0:
            api.functions.fail("[BadInput] negative")
        return {"double": event["n"] * 2, "who": event["who"]}

    name = api.method("/", "POST")
    api.functions.handlers["mapped"] = handler
    api.gateway.put_integration(
        **name,
        type="AWS",
        integrationHttpMethod="POST",
        uri=api.functions.uri("mapped"),
        requestTemplates={
            "application/json": '{"n": $input.json("$.n"), "who": "$input.params(\'who\')"}'
        },
    )
    api.gateway.put_integration_response(
        **name,
        statusCode="200",
        responseTemplates={"application/json": '#set($r = $input.path("$"))<$r.double $r.who>'},
    )
    api.gateway.put_integration_response(
        **name,
        statusCode="400",
        selectionPattern=r"\[BadInput\].*",
        responseTemplates={"application/json": "$input.json('$.errorMessage')"},
    )
    api.deploy()
    assert api.call("/?who=me", "POST", body=b'{"n": 4}').data == b"<8 me>"
    failed = api.call("/", "POST", body=b'{"n": -1}')
    assert (failed.status, failed.data) == (400, b'"[BadInput] negative"')
    assert api.call("/", "POST", body=b"broken").status == 500


def test_sqs_by_path_with_a_form(api: Any) -> None:
    sqs = api.cloud.client("sqs")
    url = sqs.create_queue(QueueName=f"q-{api.id}")["QueueUrl"]
    form = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    service(
        api,
        f"sqs:path/123456789012/q-{api.id}",
        role(api, "sqs:SendMessage"),
        "Action=SendMessage&MessageBody=$util.urlEncode($input.body)",
        requestParameters=form,
    )
    answer = api.call("/x", "POST", body=b'{"a": "b&c"}')
    assert answer.status == 200, answer.data
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == '{"a": "b&c"}'


def test_dynamodb_by_action(api: Any) -> None:
    table = f"t-{api.id}"
    dynamodb = api.cloud.client("dynamodb")
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = '{"TableName":"' + table + '","Item":{"id":{"S":"$input.path(\'$.id\')"}}}'
    service(api, "dynamodb:action/PutItem", role(api, "dynamodb:PutItem"), item)
    assert api.call("/x", "POST", body=b'{"id": "one"}').status == 200
    assert dynamodb.scan(TableName=table)["Items"] == [{"id": {"S": "one"}}]


def test_s3_by_path_and_a_role_without_permission(api: Any) -> None:
    s3, bucket = api.cloud.client("s3"), f"bucket-{api.id}"
    s3.create_bucket(Bucket=bucket)
    service(
        api,
        "s3:path/{bucket}/{key}",
        role(api, "s3:PutObject"),
        integrationHttpMethod="PUT",
        requestParameters={
            "integration.request.path.bucket": f"'{bucket}'",
            "integration.request.path.key": "method.request.querystring.key",
        },
    )
    assert api.call("/x?key=a%20b", "POST", body=b"content").status == 200
    assert s3.get_object(Bucket=bucket, Key="a b")["Body"].read() == b"content"
    api.cloud.client("iam").delete_role_policy(RoleName=f"integration-{api.id}", PolicyName="p")
    refused = api.call("/x?key=c", "POST", body=b"content")
    assert refused.status == 400 and b"refused" in refused.data


@pytest.fixture
def web_server() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(202)
            self.send_header("X-Path", self.path)
            self.end_headers()
            self.wfile.write(self.headers.get("X-Sent", "").encode() + b":" + body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_http_proxy_passes_everything_on(api: Any, web_server: str) -> None:
    name = api.method("/{proxy+}", "ANY")
    api.gateway.put_integration(
        **name,
        type="HTTP_PROXY",
        integrationHttpMethod="ANY",
        uri=web_server + "/base/{proxy}",
        requestParameters={"integration.request.path.proxy": "method.request.path.proxy"},
    )
    api.deploy()
    answer = api.call("/a/b?c=d", "POST", body=b"text", headers={"X-Sent": "me"})
    assert (answer.status, answer.data) == (202, b"me:text")
    assert answer.headers["X-Path"] == "/base/a/b?c=d"


def test_a_web_server_that_is_gone_is_an_integration_failure(api: Any) -> None:
    name = api.method("/")
    api.gateway.put_integration(
        **name, type="HTTP_PROXY", integrationHttpMethod="GET", uri="http://127.0.0.1:9/"
    )
    api.deploy()
    assert api.call("/").status == 504


def test_a_stage_variable_can_not_lead_off_this_machine(api: Any) -> None:
    name = api.method("/")
    api.gateway.put_integration(
        **name,
        type="HTTP_PROXY",
        integrationHttpMethod="GET",
        uri="http://127.0.0.1${stageVariables.rest}/",
    )
    api.gateway.create_deployment(
        restApiId=api.id, stageName="prod", variables={"rest": "@example.com"}
    )
    assert api.call("/").status == 500


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"type": "HTTP", "uri": "https://example.com/"}, "example.com"),
        ({"type": "HTTP", "uri": "http://127.0.0.1/", "connectionType": "VPC_LINK"}, "VPC_LINK"),
        ({"type": "AWS_PROXY", "uri": "arn:aws:apigateway:r:sqs:path/1/q"}, "AWS_PROXY"),
        ({"type": "MOCK", "requestTemplates": {"a/b": "#if($x"}}, "Invalid mapping template"),
        ({"type": "MOCK", "timeoutInMillis": 1}, "Timeout"),
    ],
)
def test_what_can_not_run_here_is_refused_by_name(
    api: Any, options: dict[str, Any], refusal: str
) -> None:
    name = api.method("/")
    with pytest.raises(ClientError, match=refusal):
        api.gateway.put_integration(**name, integrationHttpMethod="POST", **options)


def test_content_types_without_a_template(api: Any) -> None:
    for behavior, status in (("NEVER", 415), ("WHEN_NO_TEMPLATES", 415), ("WHEN_NO_MATCH", 200)):
        path = "/" + behavior
        name = api.method(path, "POST")
        api.gateway.put_integration(
            **name,
            type="MOCK",
            passthroughBehavior=behavior,
            requestTemplates={"application/json": '{"statusCode": 200}'},
        )
        api.gateway.put_integration_response(**name, statusCode="200")
        api.deploy()
        body, headers = b'{"statusCode": 200}', {"Content-Type": "text/plain"}
        assert api.call(path, "POST", body=body, headers=headers).status == status
