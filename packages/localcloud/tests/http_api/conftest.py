"""A cloud with API Gateway and functions that are plain Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.cloud import Cloud
from localcloud.http_api.service import ApiGatewayService
from localcloud.monitoring.alarms import CloudWatchService
from localcloud.service import Service

Handler = Callable[[Any], Any]


@dataclass
class Streamed:
    status: int
    headers: dict[str, str]
    cookies: list[str]
    chunks: Iterable[bytes]


class FunctionRaised(Exception):
    """A function's failure, as Lambda reports it."""


class FakeLambda(Service):
    """Lambda whose functions are Python callables, by name."""

    service_name = "lambda"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.handlers: dict[str, Handler] = {}
        self.streams: dict[str, Callable[[Any], Streamed]] = {}
        self.calls: list[tuple[str, Any, Caller]] = []
        self.permitted_source = "arn:aws:execute-api:*:*:*"
        account.functions.connect(self)

    def fail(self, message: str) -> None:
        """What a handler calls to raise an error as a function would."""
        raise FunctionRaised(message)

    def arn(self, name: str) -> str:
        return f"arn:aws:lambda:{self.account.region}:{self.account.id}:function:{name}"

    def uri(self, name: str) -> str:
        path = f"path/2015-03-31/functions/{self.arn(name)}/invocations"
        return f"arn:aws:apigateway:{self.account.region}:lambda:{path}"

    def stream_uri(self, name: str) -> str:
        path = f"path/2021-11-15/functions/{self.arn(name)}/response-streaming-invocations"
        return f"arn:aws:apigateway:{self.account.region}:lambda:{path}"

    def resource_policy(self, arn: str) -> dict[str, Any]:
        """What AWS::Lambda::Permission would have made for every function."""
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": arn,
            "Condition": {"ArnLike": {"AWS:SourceArn": self.permitted_source}},
        }
        return {"Version": "2012-10-17", "Statement": [statement]}

    def invoke(self, request: Request, caller: Caller) -> Response:
        name = request["FunctionName"].rsplit(":", 1)[-1]
        if name not in self.handlers:
            raise ServiceError("ResourceNotFoundException", f"Function not found: {name}", 404)
        event = json.loads(request["Payload"])
        self.calls.append((name, event, caller))
        try:
            result = self.handlers[name](event)
        except FunctionRaised as error:
            payload = json.dumps({"errorMessage": str(error), "errorType": "Error"}).encode()
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload}
        return {"StatusCode": 200, "Payload": json.dumps(result).encode()}

    def invoke_stream(self, function_arn: str, payload: dict[str, Any]) -> Streamed:
        return self.streams[function_arn.rsplit(":", 1)[-1]](payload)


@dataclass
class Api:
    """One REST API being made, and a client of it."""

    cloud: Cloud
    functions: FakeLambda
    id: str
    root: str
    gateway: Any
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    def resource(self, *parts: str) -> str:
        parent = self.root
        for part in parts:
            known = self.gateway.get_resources(restApiId=self.id, limit=500)["items"]
            found = [
                r["id"] for r in known if (r.get("parentId"), r.get("pathPart")) == (parent, part)
            ]
            parent = (
                found[0]
                if found
                else self.gateway.create_resource(
                    restApiId=self.id, parentId=parent, pathPart=part
                )["id"]
            )
        return parent

    def method(self, path: str, http_method: str = "GET", **options: Any) -> dict[str, str]:
        """Put a method; the answer names it for the calls that follow."""
        resource = self.resource(*[part for part in path.split("/") if part])
        name = {"restApiId": self.id, "resourceId": resource, "httpMethod": http_method}
        options.setdefault("authorizationType", "NONE")
        self.gateway.put_method(**name, **options)
        return name

    def proxy(
        self, path: str, handler: Handler, http_method: str = "GET", **options: Any
    ) -> dict[str, str]:
        """A method with a Lambda proxy integration."""
        name = self.method(path, http_method, **options)
        function = f"f{len(self.functions.handlers)}"
        self.functions.handlers[function] = handler
        self.gateway.put_integration(
            **name,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=self.functions.uri(function),
        )
        return name

    def mock(
        self, path: str, http_method: str = "GET", status: int = 200, **options: Any
    ) -> dict[str, str]:
        name = self.method(path, http_method, **options)
        template = json.dumps({"statusCode": status})
        self.gateway.put_integration(
            **name, type="MOCK", requestTemplates={"application/json": template}
        )
        self.gateway.put_integration_response(**name, statusCode=str(status))
        return name

    def deploy(self, stage: str = "prod") -> None:
        self.gateway.create_deployment(restApiId=self.id, stageName=stage)

    def url(self, path: str, stage: str = "prod") -> str:
        return f"{self.cloud.endpoint_url}/_aws/execute-api/{self.id}/{stage}{path}"

    def call(self, path: str, method: str = "GET", **options: Any) -> urllib3.BaseHTTPResponse:
        stage = options.pop("stage", "prod")
        return self.http.request(method, self.url(path, stage), **options)

    def authorizer(self, handler: Handler, **options: Any) -> str:
        function = f"authorizer{len(self.functions.handlers)}"
        self.functions.handlers[function] = handler
        options = {
            "type": "TOKEN",
            "identitySource": "method.request.header.Authorization",
            "authorizerUri": self.functions.uri(function),
            **options,
        }
        made = self.gateway.create_authorizer(restApiId=self.id, name=function, **options)
        return str(made["id"])


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(services=[FakeLambda, ApiGatewayService, CloudWatchService]) as running:
        yield running


@pytest.fixture
def functions(cloud: Cloud) -> FakeLambda:
    service = cloud.service(FakeLambda)
    service.calls.clear()
    service.permitted_source = "arn:aws:execute-api:*:*:*"
    return service


@pytest.fixture
def api(cloud: Cloud, functions: FakeLambda) -> Api:
    gateway = cloud.client("apigateway")
    made = gateway.create_rest_api(name="test")
    return Api(cloud, functions, made["id"], made["rootResourceId"], gateway)


def _allow(event: dict[str, Any], **extra: Any) -> dict[str, Any]:
    """What an authorizer returns to let everything of its API pass."""
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "someone", "policyDocument": document, **extra}


@pytest.fixture
def allow() -> Callable[..., dict[str, Any]]:
    return _allow
