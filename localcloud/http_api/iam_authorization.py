"""AWS_IAM methods: the signature's caller must be allowed execute-api:Invoke on the method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.http_api.exchange import Exchange
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.service import ServiceError
from localcloud.signature import read_signature

if TYPE_CHECKING:
    from localcloud.cloud import Cloud

ACTION = "execute-api:Invoke"


def authorize(exchange: Exchange, cloud: Cloud) -> None:
    """Raises MISSING_AUTHENTICATION_TOKEN, INVALID_SIGNATURE, EXPIRED_TOKEN or ACCESS_DENIED."""
    request: Any = exchange.request
    try:
        signature = read_signature(request)
        if signature is None:
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
        if signature.signing_name != "execute-api":
            message = "Credential should be scoped to correct service: 'execute-api'."
            raise GatewayError("INVALID_SIGNATURE", message)
        caller = cloud.credential_store.caller(signature.access_key_id, signature.session_token)
    except ServiceError as error:
        kind = "EXPIRED_TOKEN" if error.code == "ExpiredToken" else "INVALID_SIGNATURE"
        raise GatewayError(kind, error.message) from None
    try:
        cloud.authorizer.check_action(caller, ACTION, [exchange.method_arn], request)
    except ServiceError as error:
        raise GatewayError("ACCESS_DENIED", error.message) from None
    exchange.caller_arn = caller.role_arn or f"arn:aws:iam::{cloud.account}:root"
