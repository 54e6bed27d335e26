"""Lambda authorizers: TOKEN and REQUEST, their cache, and what they add to a request.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from localcloud.calls import Caller, ServiceError
from localcloud.clock import Clock
from localcloud.http_api.access import ACTION
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.functions import Functions, function_arn
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.http_api.lambda_proxy import timed_out
from localcloud.http_api.proxy_event import request_event
from localcloud.http_api.state import Record
from localcloud.iam.context import wire_context
from localcloud.iam.policy import AccessRequest, Decision, Policy, Principal, parse_policy

logger = logging.getLogger("localcloud.http_api")
_DENIED = "User is not authorized to access this resource"
_MAX_CACHED = 10_000
_TIMEOUT_SECONDS = 29.0


@dataclass(frozen=True)
class Verdict:
    """What an authorizer said of an identity: it holds for every method until it expires."""

    policy: Policy
    context: dict[str, str]
    usage_identifier: str | None
    expires: float


class Authorizers:
    """Asks an API's authorizers, and remembers what they said for their time to live."""

    def __init__(self, clock: Clock, functions: Functions) -> None:
        self._clock, self._functions = clock, functions
        self._cache: OrderedDict[tuple[str, ...], Verdict] = OrderedDict()
        self._lock = threading.Lock()

    def flush(self, api_id: str, stage_name: str) -> None:
        """Forget what was said for a stage."""
        with self._lock:
            for key in [key for key in self._cache if key[:2] == (api_id, stage_name)]:
                del self._cache[key]

    def authorize(self, exchange: Exchange, authorizer: Record) -> None:
        """Fill in the exchange's authorizer context, or raise what the client is answered."""
        sources = [s.strip() for s in authorizer.get("identitySource", "").split(",") if s.strip()]
        identity = [exchange.parameter(source) or "" for source in sources]
        pattern = authorizer.get("identityValidationExpression")
        rejected = authorizer["type"] == "TOKEN" and pattern and not re.match(pattern, identity[0])
        if not all(identity) or rejected:
            raise GatewayError("UNAUTHORIZED", "Unauthorized")
        verdict = self._verdict(exchange, authorizer, identity)
        exchange.authorizer = {**verdict.context, "integrationLatency": 0}
        exchange.usage_identifier = verdict.usage_identifier
        context = wire_context(exchange.request, self._clock)
        asked = AccessRequest(ACTION, exchange.method_arn, Principal(exchange.account), context)
        outcome = verdict.policy.decide(asked)
        if outcome is Decision.DENY:
            message = f"{_DENIED} with an explicit deny in an identity-based policy"
            raise GatewayError("ACCESS_DENIED", message)
        if outcome is not Decision.ALLOW:
            raise GatewayError("ACCESS_DENIED", _DENIED)

    def _verdict(self, exchange: Exchange, authorizer: Record, identity: list[str]) -> Verdict:
        ttl = authorizer["authorizerResultTtlInSeconds"]
        # Each value is its own part of the key: two consumers must never share one.
        key = (exchange.api_id, exchange.stage_name, exchange.stage["deploymentId"],
               authorizer["id"], *identity)  # fmt: skip
        now = self._clock.time()
        if ttl > 0:
            with self._lock:
                known = self._cache.get(key)
            if known is not None and known.expires > now:
                return known
        verdict = self._ask(exchange, authorizer, identity, now + ttl)
        if ttl > 0:
            with self._lock:
                self._cache[key] = verdict
                if len(self._cache) > _MAX_CACHED:
                    self._cache.popitem(last=False)
        return verdict

    def _ask(
        self, exchange: Exchange, authorizer: Record, identity: list[str], expires: float
    ) -> Verdict:
        arn = function_arn(authorizer["authorizerUri"], exchange.stage_variables)
        role = authorizer.get("authorizerCredentials")
        source_arn = f"{exchange.execution_arn}/authorizers/{authorizer['id']}"
        caller = (
            Caller.role(role, exchange.request_id)
            if role
            else Caller.aws_service("apigateway.amazonaws.com", source_arn)
        )
        event = _event(exchange, authorizer, identity)
        try:
            payload, failure = self._functions.invoke(
                arn,
                json.dumps(event).encode(),
                caller,
                exchange.request,
                timeout_seconds=_TIMEOUT_SECONDS,
            )
        except TimeoutError:
            raise timed_out() from None
        except ServiceError as error:
            logger.warning("authorizer %s: %s: %s", arn, error.code, error.message)
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", None) from None
        if failure is not None:
            raise _failed(arn, payload)
        try:
            return _read(payload, expires)
        except ValueError as error:
            logger.warning("authorizer %s answered what is no policy: %s", arn, error)
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", None) from None


def _event(exchange: Exchange, authorizer: Record, identity: list[str]) -> dict[str, Any]:
    if authorizer["type"] == "TOKEN":
        return {
            "type": "TOKEN",
            "methodArn": exchange.method_arn,
            "authorizationToken": identity[0],
        }
    return {"type": "REQUEST", "methodArn": exchange.method_arn, **request_event(exchange)}


def _failed(arn: str, payload: bytes) -> GatewayError:
    """A function that raises exactly "Unauthorized" says 401."""
    try:
        message = json.loads(payload).get("errorMessage")
    except (ValueError, AttributeError):
        message = None
    if message == "Unauthorized":
        return GatewayError("UNAUTHORIZED", "Unauthorized")
    logger.warning("authorizer %s failed: %s", arn, payload[:2000].decode("utf-8", "replace"))
    return GatewayError("AUTHORIZER_FAILURE", None)


def _read(payload: bytes, expires: float) -> Verdict:
    answer = json.loads(payload)
    if not isinstance(answer, dict) or not isinstance(answer.get("principalId"), str):
        raise ValueError("principalId must be a string")
    context = answer.get("context") or {}
    if not isinstance(context, dict):
        raise ValueError("context must be an object")
    usage_identifier = answer.get("usageIdentifierKey")
    if not isinstance(usage_identifier, str | None):
        raise ValueError("usageIdentifierKey must be a string")
    return Verdict(
        parse_policy(json.dumps(answer.get("policyDocument"))),
        {**{k: _text(k, v) for k, v in context.items()}, "principalId": answer["principalId"]},
        usage_identifier,
        expires,
    )


def _text(name: str, value: Any) -> str:
    """Context values reach the integration as strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"context.{name} must be a string, a number or a boolean")
