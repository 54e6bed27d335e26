"""Who may call a method: the API's own policy, and IAM for methods that ask for it."""

from __future__ import annotations

from localcloud.account import Account
from localcloud.calls import Caller, ServiceError
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.iam.context import wire_context
from localcloud.iam.demand import Demand
from localcloud.iam.policy import AccessRequest, Decision, Principal, parse_policy
from localcloud.wire.signature import read_signature

ACTION = "execute-api:Invoke"
_ANONYMOUS = Principal("")


def check_anonymous(exchange: Exchange, account: Account, *, needs_allow: bool) -> None:
    """Hold the API's resource policy, if it has one, against a caller nobody knows yet.

    A denial is final. Where nothing else decides (`needs_allow`), the policy must allow. Raises
    ACCESS_DENIED.
    """
    if not exchange.snapshot.settings.get("policy"):
        return
    context = wire_context(exchange.request, account.clock)
    request = AccessRequest(ACTION, exchange.method_arn, _ANONYMOUS, context)
    said = _resource_policy(exchange, request)
    if said is Decision.DENY:
        raise _denied("anonymous", exchange, " with an explicit deny")
    if needs_allow and said is not Decision.ALLOW:
        raise _denied("anonymous", exchange, "")


def authorize_iam(exchange: Exchange, account: Account) -> None:
    """Check the signature's caller against its own policies and the API's.

    Raises MISSING_AUTHENTICATION_TOKEN, INVALID_SIGNATURE, EXPIRED_TOKEN or ACCESS_DENIED.
    """
    caller = _caller(exchange, account)
    identity = account.access.identity(caller)
    context = account.access.context(caller, identity, "execute-api", {}, exchange.request)
    request = AccessRequest(ACTION, exchange.method_arn, identity.principal, context)
    attached = _resource_policy(exchange, request)
    if attached is Decision.DENY:
        raise _denied(identity.name, exchange, " with an explicit deny in a resource-based policy")
    demand = Demand(ACTION, exchange.method_arn)
    refusal = account.access.refusal(caller, identity, demand, context)
    if refusal and (attached is not Decision.ALLOW or "explicit deny" in refusal):
        raise _denied(identity.name, exchange, f" {refusal}")
    exchange.caller_arn = identity.name


def _caller(exchange: Exchange, account: Account) -> Caller:
    try:
        signature = read_signature(exchange.request)
        if signature is None:
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
        if signature.signing_name != "execute-api":
            message = "Credential should be scoped to correct service: 'execute-api'."
            raise GatewayError("INVALID_SIGNATURE", message)
        return account.access.caller(signature)
    except ServiceError as error:
        kind = "EXPIRED_TOKEN" if error.code == "ExpiredToken" else "INVALID_SIGNATURE"
        raise GatewayError(kind, error.message) from None


def _resource_policy(exchange: Exchange, request: AccessRequest) -> Decision:
    document: str | None = exchange.snapshot.settings.get("policy")
    if not document:
        return Decision.NOTHING
    # `execute-api:/stage/METHOD/path` is short for the API's own ARN.
    whole = document.replace('"execute-api:/', f'"{exchange.execution_arn}/')
    try:
        return parse_policy(whole).decide(request)
    except ValueError:
        raise GatewayError("API_CONFIGURATION_ERROR", "Internal server error") from None


def _denied(name: str, exchange: Exchange, reason: str) -> GatewayError:
    message = (
        f"User: {name} is not authorized to perform: {ACTION} on resource: "
        f"{exchange.method_arn}{reason}"
    )
    return GatewayError("ACCESS_DENIED", message)
