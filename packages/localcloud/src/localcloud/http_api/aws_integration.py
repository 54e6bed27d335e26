"""AWS: an integration that calls a function with a mapped payload, or any service's own API."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlencode

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localcloud.account import Account
from localcloud.calls import Caller, ServiceError
from localcloud.http_api.answers import Answer
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.functions import Functions, function_arn
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.http_api.lambda_proxy import integration_caller, refused, timed_out
from localcloud.http_api.state import Record
from localcloud.http_api.transformation import (
    IntegrationRequest,
    integration_request,
    lambda_error,
    method_response,
)
from localcloud.wire.protocol import service_model

_URI = re.compile(
    r"arn:[\w-]+:apigateway:[\w-]+:(?:[\w-]+\.)?(?P<service>[\w-]+):(?P<kind>path|action)/(?P<rest>.*)\Z",
    re.DOTALL,
)
_BOTOCORE_NAMES = {"states": "stepfunctions", "monitoring": "cloudwatch"}
_VARIABLE = re.compile(r"\{([\w.\-]+)\}")


class AwsIntegration:
    """Calls AWS services on the cloud's own address, as the integration's role."""

    def __init__(self, account: Account, functions: Functions) -> None:
        self._account, self._functions = account, functions
        self._pool = urllib3.PoolManager(maxsize=64, retries=False)

    def call(self, exchange: Exchange, integration: Record) -> Answer:
        request = integration_request(exchange, integration)
        if ":lambda:path/" in integration["uri"]:
            return self._function(exchange, integration, request)
        answer = self._service(exchange, integration, request)
        return method_response(exchange, integration, answer, str(answer.status))

    def _function(
        self, exchange: Exchange, integration: Record, request: IntegrationRequest
    ) -> Answer:
        arn = function_arn(integration["uri"], exchange.stage_variables)
        lowered = {name.lower(): value for name, value in request.headers.items()}
        try:
            payload, failure = self._functions.invoke(
                arn,
                request.body or b"{}",
                integration_caller(exchange, integration),
                exchange.request,
                timeout_seconds=integration["timeoutInMillis"] / 1000,
                invocation_type=lowered.get("x-amz-invocation-type", "RequestResponse"),
            )
        except TimeoutError:
            raise timed_out() from None
        except ServiceError as error:
            raise refused(arn, error) from None
        selected_by = lambda_error(payload) if failure else ""
        return method_response(exchange, integration, Answer(200, [], payload), selected_by)

    def _service(
        self, exchange: Exchange, integration: Record, request: IntegrationRequest
    ) -> Answer:
        match = _URI.match(integration["uri"])
        role = integration.get("credentials")
        if match is None or not role:
            raise GatewayError("API_CONFIGURATION_ERROR", "Internal server error")
        service, rest = match["service"], _filled(match["rest"], request)
        path, _, fixed_query = rest.partition("?")
        if match["kind"] == "action":
            _name_action(service, path, request)
            path = ""
        elif service == "sqs":
            self._name_queue(path, request)
        query = "&".join(part for part in (fixed_query, urlencode(request.query)) if part)
        url = f"{self._account.endpoint_url}/{path.lstrip('/')}" + (f"?{query}" if query else "")
        method = integration["httpMethod"]
        method = exchange.http_method if method == "ANY" else method
        headers = self._signed(role, service, method, url, request)
        timeout = urllib3.Timeout(integration["timeoutInMillis"] / 1000)
        try:
            response = self._pool.request(
                method, url, body=request.body, headers=headers, timeout=timeout
            )
        except urllib3.exceptions.TimeoutError:
            raise timed_out() from None
        except urllib3.exceptions.HTTPError:
            raise GatewayError("INTEGRATION_FAILURE", "Internal server error") from None
        return Answer(response.status, list(response.headers.items()), response.data)

    def _name_queue(self, path: str, request: IntegrationRequest) -> None:
        """SQS's query protocol names the queue by the request's path; the cloud's by QueueUrl."""
        url = quote(f"{self._account.endpoint_url}/{path.strip('/')}", safe="")
        if request.body and b"QueueUrl=" not in request.body:
            request.body += f"&QueueUrl={url}".encode()
        elif not request.body and "QueueUrl" not in request.query:
            request.query["QueueUrl"] = unquote(url)

    def _signed(
        self, role: str, service: str, method: str, url: str, request: IntegrationRequest
    ) -> dict[str, str]:
        variables = self._account.credentials(Caller.role(role, "BackplaneAssumeRoleSession"))
        credentials = Credentials(
            variables["AWS_ACCESS_KEY_ID"],
            variables["AWS_SECRET_ACCESS_KEY"],
            variables.get("AWS_SESSION_TOKEN"),
        )
        signed = AWSRequest(method, url, headers=request.headers, data=request.body)
        SigV4Auth(credentials, service, self._account.region).add_auth(signed)
        return dict(signed.headers.items())


def _filled(rest: str, request: IntegrationRequest) -> str:
    """Path variables put in; one that the request lacks stays, as API Gateway leaves it."""
    return _VARIABLE.sub(lambda m: quote(request.path.get(m[1], m[0]), safe="/{}"), rest)


def _name_action(service: str, action: str, request: IntegrationRequest) -> None:
    """Say in the service's own protocol which operation is called."""
    lowered = {name.lower() for name in request.headers}
    metadata = service_model(_BOTOCORE_NAMES.get(service, service)).metadata
    # API Gateway has spoken SQS's query protocol since before SQS had another.
    if service == "sqs" or not metadata.get("targetPrefix"):
        request.query["Action"] = action
        return
    if "x-amz-target" not in lowered:
        request.headers["X-Amz-Target"] = f"{metadata['targetPrefix']}.{action}"
    if "content-type" not in lowered:
        version = metadata.get("jsonVersion", "1.0")
        request.headers["Content-Type"] = f"application/x-amz-json-{version}"
