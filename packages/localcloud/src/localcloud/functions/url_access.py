"""Who may call a function URL.

https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.request import Request

from localcloud.iam.context import request_context, wire_context
from localcloud.iam.demand import Demand, Place
from localcloud.iam.identity import Identity
from localcloud.service import Caller, ServiceError
from localcloud.wire.signature import Signature, read_signature

if TYPE_CHECKING:
    from localcloud.cloud import Cloud

# Both are needed for URLs made since October 2025.
_ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")


class Access:
    """Holds callers against their own policies and the function's."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def check(self, request: Request, config: dict[str, Any]) -> dict[str, Any]:
        """What the event's requestContext says of the caller. ServiceError (403) for others."""
        if config["AuthType"] == "NONE":
            # Signed or not: nobody asks. The function's policy must let everyone in.
            self._authorize(Caller.anonymous(), request, config)
            return {"accountId": "anonymous"}
        signature = read_signature(request)
        if signature is None or signature.signing_name != "lambda":
            raise ServiceError("AccessDeniedException", "not signed for the service lambda", 403)
        caller = self._cloud.credential_store.caller(
            signature.access_key_id, signature.session_token
        )
        return self._signed(signature, self._authorize(caller, request, config))

    def _authorize(self, caller: Caller, request: Request, config: dict[str, Any]) -> Identity:
        cloud, arn = self._cloud, config["FunctionArn"]
        identity = cloud.identities.of(caller)
        place = Place(cloud.account, cloud.region, cloud.inventory)
        context = request_context(caller, identity, "lambda", {"FunctionName": arn}, place)
        context |= wire_context(request, cloud.clock)
        context["lambda:functionurlauthtype"] = config["AuthType"]
        context["lambda:invokedviafunctionurl"] = "true"
        for action in _ACTIONS:
            reason = cloud.authorizer.refusal(caller, identity, Demand(action, arn), context)
            if reason:
                message = f"{identity.name} may not {action} on {arn} {reason}"
                raise ServiceError("AccessDeniedException", message, 403)
        return identity

    def _signed(self, signature: Signature, identity: Identity) -> dict[str, Any]:
        iam = {
            "accessKey": signature.access_key_id,
            "accountId": self._cloud.account,
            "callerId": identity.id,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": identity.name,
            "userId": identity.id,
        }
        return {"accountId": self._cloud.account, "authorizer": {"iam": iam}}
