"""One request to an API, and what becomes known about it on its way through the front."""

from __future__ import annotations

import base64
import os
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from moto.core.request import Request
from werkzeug.exceptions import HTTPException

from localcloud.http_api.gateway_responses import GatewayError
from localcloud.http_api.routes import Route, canonical_path
from localcloud.http_api.state import Record, RestApi, Snapshot
from localcloud.wire.headers import passed_on

MAX_BODY_BYTES = 10 * 1024 * 1024


@dataclass
class Exchange:
    """A request on a stage of an API. `path` is raw, without the stage, and starts with `/`."""

    request: Request
    api_id: str
    api: RestApi
    stage: Record
    snapshot: Snapshot
    path: str
    full_path: str
    domain_name: str
    account: str
    execution_arn: str
    now: datetime
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    extended_request_id: str = field(
        default_factory=lambda: base64.b64encode(os.urandom(11)).decode()
    )
    started: float = field(default_factory=time.perf_counter)
    route: Route | None = None
    authorizer: dict[str, Any] | None = None
    usage_identifier: str | None = None
    api_key: Record | None = None
    caller_arn: str | None = None
    error: dict[str, Any] = field(default_factory=dict)
    integration_ms: int | None = None
    integration_status: int | None = None
    status: int = 0
    response_length: int = 0

    @property
    def stage_name(self) -> str:
        name: str = self.stage["stageName"]
        return name

    @property
    def http_method(self) -> str:
        return self.request.method

    @property
    def matched(self) -> Route:
        assert self.route is not None, "the front has not routed yet"
        return self.route

    @property
    def stage_variables(self) -> dict[str, str]:
        variables: dict[str, str] = self.stage.get("variables") or {}
        return variables

    @property
    def method_arn(self) -> str:
        """The ARN of this very request, e.g. …:api/stage/GET/pets/1."""
        path = canonical_path(self.path)
        return f"{self.execution_arn}/{self.stage_name}/{self.http_method}{path}"

    @property
    def resource_arn(self) -> str:
        """The ARN of the method on its resource, e.g. …:api/stage/GET/pets/{petId}."""
        path = self.matched.resource["path"]
        return f"{self.execution_arn}/{self.stage_name}/{self.http_method}{path}"

    @cached_property
    def headers(self) -> dict[str, list[str]]:
        """Header values by the name as sent, without those of the connection alone."""
        return passed_on(self.request)

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Decoded query string values by name."""
        query: dict[str, list[str]] = {}
        raw = self.request.query_string.decode("latin-1")
        for name, value in parse_qsl(raw, keep_blank_values=True, errors="replace"):
            query.setdefault(name, []).append(value)
        return query

    @cached_property
    def body(self) -> bytes:
        """The body in full; REQUEST_TOO_LARGE above 10 MB."""
        stated = self.request.content_length or 0
        if stated > MAX_BODY_BYTES:
            raise GatewayError("REQUEST_TOO_LARGE", "Request Too Long")
        try:
            body = self.request.stream.read(MAX_BODY_BYTES + 1)
        except (HTTPException, ValueError):  # cut short, or its chunks aren't HTTP's
            raise GatewayError("DEFAULT_4XX", "Bad Request", 400) from None
        if len(body) < stated:  # the client left before it had sent everything
            raise GatewayError("DEFAULT_4XX", "Bad Request", 400)
        if len(body) > MAX_BODY_BYTES:
            raise GatewayError("REQUEST_TOO_LARGE", "Request Too Long")
        return body

    @property
    def text_body(self) -> str:
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str | None:
        """A header's last value, its name in any case."""
        named = (v for n, v in self.headers.items() if n.lower() == name.lower())
        return next((values[-1] for values in named), None)

    def parameter(self, expression: str) -> str | None:
        """What `method.request.header.X`, `context.X` or `stageVariables.X` is in this request."""
        scope, _, rest = expression.partition(".")
        if scope == "stageVariables":
            return self.stage_variables.get(rest)
        if scope == "context":
            return self._context_value(rest)
        place, _, name = expression.removeprefix("method.request.").partition(".")
        if place == "header":
            return self.header(name)
        if place in ("querystring", "multivaluequerystring"):
            values = self.query.get(name)
            return values[-1] if values else None
        if place == "path":
            return self.matched.path_parameters.get(name)
        return None

    def _context_value(self, name: str) -> str | None:
        value: Any = self.context
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return None if value is None else str(value)

    @property
    def identity(self) -> dict[str, Any]:
        """`$context.identity`: absent values are None."""
        identity: dict[str, Any] = dict.fromkeys(
            ("cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller", "accessKey",
             "cognitoAuthenticationType", "cognitoAuthenticationProvider", "userArn", "user")
        )  # fmt: skip
        identity["sourceIp"] = self.request.remote_addr or "127.0.0.1"
        identity["userAgent"] = self.header("User-Agent")
        if self.caller_arn:
            identity.update(userArn=self.caller_arn, accountId=self.account)
        if self.api_key:
            identity.update(apiKey=self.api_key["value"], apiKeyId=self.api_key["id"])
        return identity

    @property
    def context(self) -> dict[str, Any]:
        """`$context` as it is known so far."""
        now = self.now.astimezone(UTC)
        context: dict[str, Any] = {
            "accountId": self.account,
            "apiId": self.api_id,
            "deploymentId": self.stage["deploymentId"],
            "domainName": self.domain_name,
            "domainPrefix": self.domain_name.split(".")[0],
            "extendedRequestId": self.extended_request_id,
            "httpMethod": self.http_method,
            "identity": self.identity,
            "path": self.full_path,
            "protocol": self.request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
            "requestId": self.request_id,
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "stage": self.stage_name,
        }
        if self.route is not None:
            context["resourceId"] = self.route.resource["id"]
            context["resourcePath"] = self.route.resource["path"]
        if self.authorizer is not None:
            context["authorizer"] = self.authorizer
        if self.error:
            context["error"] = self.error
        return context
