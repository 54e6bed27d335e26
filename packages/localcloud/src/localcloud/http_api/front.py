"""The data plane: takes a request through a stage of an API, from its route to its answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any

from moto.core.request import Request
from werkzeug.wrappers import Response

from localcloud.account import Account
from localcloud.http_api import access, lambda_proxy, transformation, validation
from localcloud.http_api.addresses import Address, read_address
from localcloud.http_api.answers import Answer, passed_on
from localcloud.http_api.authorizers import Authorizers
from localcloud.http_api.aws_integration import AwsIntegration
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.functions import Functions
from localcloud.http_api.gateway_responses import GatewayError, answer, error_context
from localcloud.http_api.http_integration import HttpIntegration
from localcloud.http_api.metering import Metering
from localcloud.http_api.observation import Observation
from localcloud.http_api.state import State
from localcloud.http_api.usage import Usage

logger = logging.getLogger("localcloud.http_api")


class Front:
    """Answers the callers of every API."""

    def __init__(self, account: Account, state: State, metering: Metering) -> None:
        self._account, self._state = account, state
        self._functions = Functions(account)
        self.authorizers = Authorizers(account.clock, self._functions)
        self._usage = Usage(state, metering)
        self._aws = AwsIntegration(account, self._functions)
        self._http = HttpIntegration()
        self._observation = Observation(account)

    def start(self) -> None:
        self._observation.start()

    def stop(self) -> None:
        self._observation.stop()
        self._functions.close()

    def respond(self, request: Request) -> Response:
        """The response to a client; a stream's chunks are in it as an iterator."""
        exchange = self._open(request, read_address(request))
        if exchange is None:
            headers = {"x-amzn-ErrorType": "ForbiddenException"}
            body = b'{"message":"Forbidden"}'
            return Response(body, 403, headers, content_type="application/json")
        try:
            made = self._carry_out(exchange)
        except GatewayError as error:
            made = _gateway_response(exchange, error)
        except Exception:  # a client is owed an answer whatever a bug here does
            logger.exception("%s %s failed", request.method, exchange.path)
            internal = GatewayError("DEFAULT_5XX", "Internal server error", 500)
            made = _gateway_response(exchange, internal)
        return self._response(exchange, made)

    def _open(self, request: Request, address: Address) -> Exchange | None:
        """The exchange of a request; None where there is no such API or stage."""
        api = self._state.apis.get(address.api_id)
        stage = api.stages.get(address.stage_name) if api else None
        snapshot = api.snapshots.get(stage["deploymentId"]) if api and stage else None
        if api is None or stage is None or snapshot is None:
            return None
        if snapshot.settings.get("disableExecuteApiEndpoint"):
            return None
        account = self._account
        host = f"{address.api_id}.execute-api.{account.region}.amazonaws.com"
        return Exchange(
            request=request,
            api_id=address.api_id,
            api=api,
            stage=stage,
            snapshot=snapshot,
            path=address.path,
            full_path=address.full_path,
            domain_name=address.host or host,
            account=account.id,
            execution_arn=f"arn:aws:execute-api:{account.region}:{account.id}:{address.api_id}",
            now=account.clock.now(),
        )

    def _carry_out(self, exchange: Exchange) -> Answer:
        exchange.route = exchange.snapshot.routes.match(exchange.http_method, exchange.path)
        if exchange.route is None:
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
        self._authorize(exchange)
        self._usage.admit(exchange)
        # Read the body only once the request is admitted; it may be too large.
        _ = exchange.body
        validation.validate(exchange)
        return self._integrate(exchange)

    def _authorize(self, exchange: Exchange) -> None:
        method = exchange.matched.method
        if method["authorizationType"] == "AWS_IAM":
            access.authorize_iam(exchange, self._account)
            return
        is_open = method["authorizationType"] == "NONE"
        access.check_anonymous(exchange, self._account, needs_allow=is_open)
        if method["authorizationType"] == "CUSTOM":
            authorizer = exchange.snapshot.authorizers.get(method["authorizerId"])
            if authorizer is None:
                raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", None)
            self.authorizers.authorize(exchange, authorizer)

    def _integrate(self, exchange: Exchange) -> Answer:
        integration = exchange.matched.method["methodIntegration"]
        began = time.perf_counter()
        try:
            made = self._call(exchange, integration)
            exchange.integration_status = made.status
            return made
        finally:
            exchange.integration_ms = round((time.perf_counter() - began) * 1000)

    def _call(self, exchange: Exchange, integration: dict[str, Any]) -> Answer:
        kind = integration["type"]
        if kind == "AWS_PROXY":
            made = lambda_proxy.call(exchange, integration, self._functions)
            return Answer(made.status, passed_on(made.headers), made.body)
        if kind == "MOCK":
            return transformation.mock(exchange, integration)
        if kind == "AWS":
            return self._aws.call(exchange, integration)
        made = self._http.call(exchange, integration)
        if kind == "HTTP_PROXY":
            return Answer(made.status, passed_on(made.headers), made.body)
        return made

    def _response(self, exchange: Exchange, made: Answer) -> Response:
        exchange.status = made.status
        response = Response(status=made.status)
        response.headers.clear()
        response.headers.extend((name, _one_line(value)) for name, value in made.headers)
        response.headers["x-amzn-RequestId"] = exchange.request_id
        response.headers["x-amz-apigw-id"] = exchange.extended_request_id
        if isinstance(made.body, bytes):
            exchange.response_length = len(made.body)
            response.set_data(made.body)
            self._observation.finished(exchange)
        else:
            response.response = _Stream(made.body, exchange, self._observation)
        return response


def _one_line(value: str) -> str:
    """What a client sent may come back in a header: it must not begin another."""
    return value.replace("\r", " ").replace("\n", " ")


class _Stream:
    """Chunks on their way to the client; close() when it leaves, or has all."""

    def __init__(
        self, chunks: Iterable[bytes], exchange: Exchange, observation: Observation
    ) -> None:
        self._chunks, self._exchange, self._observation = chunks, exchange, observation
        self._iterator = iter(chunks)
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._iterator)
        self._exchange.response_length += len(chunk)
        return chunk

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
        self._observation.finished(self._exchange)


def _gateway_response(exchange: Exchange, error: GatewayError) -> Answer:
    exchange.error = error_context(error)
    variables = {
        "context": exchange.context,
        "stageVariables": exchange.stage_variables,
        "method": {
            "request": {
                "header": {name.lower(): values[-1] for name, values in exchange.headers.items()},
                "querystring": {name: values[-1] for name, values in exchange.query.items()},
                "path": exchange.route.path_parameters if exchange.route else {},
            }
        },
    }
    responses = exchange.snapshot.gateway_responses
    status, headers, body = answer(error, responses, variables, exchange.header("Accept") or "")
    return Answer(status, list(headers.items()), body.encode())
