"""AWS_PROXY: the whole request to a function, its answer to the client, buffered or streamed."""

from __future__ import annotations

import json
import logging
from typing import Any

from localcloud.calls import Caller, ServiceError
from localcloud.functions.invocation import FunctionError
from localcloud.functions.invoker import NotStreamedError
from localcloud.http_api.answers import Answer
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.functions import Functions, function_arn
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.http_api.proxy_event import malformed, proxy_event, read_answer
from localcloud.http_api.state import Record

logger = logging.getLogger("localcloud.http_api")


def call(exchange: Exchange, integration: Record, functions: Functions) -> Answer:
    """Invoke the function; raises GatewayError for what API Gateway answers itself."""
    arn = function_arn(integration["uri"], exchange.stage_variables)
    event = proxy_event(exchange)
    caller = integration_caller(exchange, integration)
    timeout = integration["timeoutInMillis"] / 1000
    try:
        if integration.get("responseTransferMode") == "STREAM":
            return _streamed(exchange, functions, arn, event, caller, timeout)
        result, failure = functions.invoke(
            arn, json.dumps(event).encode(), caller, exchange.request, timeout_seconds=timeout
        )
    except TimeoutError:
        raise timed_out() from None
    except ServiceError as error:
        raise refused(arn, error) from None
    if failure is not None:
        logger.warning("%s failed: %s", arn, result[:2000].decode("utf-8", "replace"))
        raise malformed()
    return read_answer(result, exchange)


def integration_caller(exchange: Exchange, integration: Record) -> Caller:
    """The role in the integration's credentials, or API Gateway on behalf of the method."""
    role = integration.get("credentials")
    if role:
        return Caller.role(role, exchange.request_id)
    return Caller.aws_service("apigateway.amazonaws.com", exchange.resource_arn)


def timed_out() -> GatewayError:
    return GatewayError("INTEGRATION_TIMEOUT", "Endpoint request timed out")


def refused(arn: str, error: ServiceError) -> GatewayError:
    """Lambda did not take the call: too large, throttled, unknown, or not permitted."""
    if error.code == "RequestTooLargeException":
        return GatewayError("REQUEST_TOO_LARGE", "Request Too Long")
    logger.warning("%s was not invoked: %s: %s", arn, error.code, error.message)
    if error.code == "TooManyRequestsException":
        return GatewayError("INTEGRATION_FAILURE", "Internal server error", 500)
    return GatewayError("API_CONFIGURATION_ERROR", "Internal server error")


def _streamed(
    exchange: Exchange,
    functions: Functions,
    arn: str,
    event: dict[str, Any],
    caller: Caller,
    timeout: float,
) -> Answer:
    try:
        streamed = functions.stream(arn, event, caller, exchange.request, timeout)
    except (FunctionError, NotStreamedError) as error:
        logger.warning("%s failed: %s", arn, error)
        raise malformed() from None
    headers = list(streamed.headers.items())
    headers.extend(("Set-Cookie", cookie) for cookie in streamed.cookies)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/octet-stream"))
    return Answer(streamed.status, headers, streamed.chunks)
