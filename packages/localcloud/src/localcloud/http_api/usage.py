"""API keys and limits of a request: whose key it is, and whether it may still pass."""

from __future__ import annotations

from typing import Any

from localcloud.http_api.exchange import Exchange
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.http_api.metering import Limits, Metering
from localcloud.http_api.state import Record, State

Buckets = dict[tuple[str, ...], Limits]


class Usage:
    """Admits requests under the usage plan of their key and the limits of their stage."""

    def __init__(self, state: State, metering: Metering) -> None:
        self._state, self._metering = state, metering

    def admit(self, exchange: Exchange) -> None:
        """Raises INVALID_API_KEY, THROTTLED or QUOTA_EXCEEDED."""
        buckets = _stage_buckets(exchange)
        plan = self._plan(exchange) if exchange.matched.method.get("apiKeyRequired") else None
        if plan is not None:
            assert exchange.api_key is not None
            buckets = {**_plan_buckets(exchange, plan, exchange.api_key["id"]), **buckets}
        if buckets:
            self._metering.throttle(buckets)
        if plan is not None and exchange.api_key is not None:
            self._metering.count(plan, exchange.api_key["id"])

    def _plan(self, exchange: Exchange) -> Record:
        """The plan that the request's key has for this stage."""
        source = exchange.snapshot.settings.get("apiKeySource", "HEADER")
        by_authorizer = source == "AUTHORIZER"
        value = exchange.usage_identifier if by_authorizer else exchange.header("x-api-key")
        key = self._state.key_by_value(value) if value else None
        if key is None or not key["enabled"]:
            raise GatewayError("INVALID_API_KEY", "Forbidden")
        for plan_id, plan in list(self._state.usage_plans.items()):
            if key["id"] in self._state.plan_keys.get(plan_id, {}) and _stage_of(exchange, plan):
                exchange.api_key = key
                return plan
        raise GatewayError("INVALID_API_KEY", "Forbidden")


def _stage_of(exchange: Exchange, plan: Record) -> Record | None:
    here = (exchange.api_id, exchange.stage_name)
    return next((s for s in plan["apiStages"] if (s["apiId"], s["stage"]) == here), None)


def _plan_buckets(exchange: Exchange, plan: Record, key_id: str) -> Buckets:
    """The plan's own limit for each key, and what it sets for single methods of the stage."""
    buckets: Buckets = {}
    if plan.get("throttle"):
        buckets[("plan", plan["id"], key_id)] = plan["throttle"]
    stage = _stage_of(exchange, plan) or {}
    for name in _setting_names(exchange):
        limits = (stage.get("throttle") or {}).get(name)
        if limits:
            resource = exchange.matched.resource["path"]
            buckets[("plan", plan["id"], key_id, *_here(exchange), resource)] = limits
            break
    return buckets


def _stage_buckets(exchange: Exchange) -> Buckets:
    """The stage's method throttling, which all callers share."""
    limits = method_settings(exchange)
    rate, burst = limits.get("throttlingRateLimit"), limits.get("throttlingBurstLimit")
    if rate is None and burst is None:
        return {}
    resource = exchange.matched.resource["path"]
    return {("stage", *_here(exchange), resource): {"rateLimit": rate, "burstLimit": burst}}


def _here(exchange: Exchange) -> tuple[str, str, str]:
    return exchange.api_id, exchange.stage_name, exchange.http_method


def method_settings(exchange: Exchange) -> dict[str, Any]:
    """The stage's settings for the method: its own over those for all (`*/*`)."""
    settings = exchange.stage.get("methodSettings") or {}
    if not settings:
        return {}
    merged: dict[str, Any] = {}
    for name in reversed(_setting_names(exchange)):
        merged.update(settings.get(name.replace("/", "~1", name.count("/") - 1), {}))
        merged.update(settings.get(name, {}))
    return merged


def _setting_names(exchange: Exchange) -> list[str]:
    """Keys of per-method settings, the most specific first."""
    path, method = exchange.matched.resource["path"], exchange.http_method
    own = exchange.matched.method["httpMethod"]
    return [f"{path}/{method}", f"{path}/{own}", f"{path}/*", f"*/{method}", "*/*"]
