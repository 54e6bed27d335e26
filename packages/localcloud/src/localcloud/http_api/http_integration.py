"""HTTP and HTTP_PROXY: an integration that is a web server on this machine."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from localcloud.http_api.answers import Answer
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.http_api.lambda_proxy import timed_out
from localcloud.http_api.state import Record
from localcloud.http_api.transformation import (
    IntegrationRequest,
    integration_request,
    method_response,
)

_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|::1)\Z")
_VARIABLE = re.compile(r"\{([\w.\-]+)\}")
_NOT_SENT = {"host", "content-length", "connection", "transfer-encoding", "expect", "te"}


class HttpIntegration:
    """Calls web servers on loopback addresses; there is no other network here."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(maxsize=64, retries=False)

    def call(self, exchange: Exchange, integration: Record) -> Answer:
        if integration["type"] == "HTTP":
            request = integration_request(exchange, integration)
            answer = self._send(exchange, integration, request)
            return method_response(exchange, integration, answer, str(answer.status))
        request = IntegrationRequest(exchange.body)
        request.path = dict(exchange.matched.path_parameters)
        request.query = {name: values[-1] for name, values in exchange.query.items()}
        request.headers = {
            name: values[-1]
            for name, values in exchange.headers.items()
            if name.lower() not in _NOT_SENT
        }
        mapped = integration_request(
            exchange, {"requestParameters": integration.get("requestParameters")}
        )
        request.path.update(mapped.path)
        request.query.update(mapped.query)
        request.headers.update(mapped.headers)
        return self._send(exchange, integration, request)

    def _send(self, exchange: Exchange, integration: Record, request: IntegrationRequest) -> Answer:
        url = _url(integration["uri"], exchange, request)
        method = integration["httpMethod"]
        try:
            response = self._pool.request(
                exchange.http_method if method == "ANY" else method,
                url,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(integration["timeoutInMillis"] / 1000),
                redirect=False,
            )
        except urllib3.exceptions.TimeoutError:
            raise timed_out() from None
        except urllib3.exceptions.HTTPError:
            raise GatewayError("INTEGRATION_FAILURE", "Internal server error") from None
        return Answer(response.status, list(response.headers.items()), response.data)


def _url(uri: str, exchange: Exchange, request: IntegrationRequest) -> str:
    for name, value in exchange.stage_variables.items():
        uri = uri.replace("${stageVariables." + name + "}", value)
    filled = _VARIABLE.sub(lambda m: quote(request.path.get(m[1], m[0]), safe="/%{}"), uri)
    # A stage or path variable must not lead off this machine.
    if not _LOOPBACK.match(urlsplit(filled).hostname or ""):
        raise GatewayError("API_CONFIGURATION_ERROR", "Internal server error")
    query = urlencode(request.query)
    return filled + (("&" if "?" in filled else "?") + query if query else "")
