"""Who may call a function URL.

https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

from __future__ import annotations

from typing import Any

from moto.core.request import Request

from localcloud.account import Account
from localcloud.calls import Caller, ServiceError
from localcloud.iam.demand import Demand
from localcloud.iam.identity import Identity
from localcloud.wire.signature import Signature, read_signature

# Both are needed for URLs made since October 2025.
_ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")


class Access:
    """Holds callers against their own policies and the function's."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def check(self, request: Request, config: dict[str, Any]) -> dict[str, Any]:
        """What the event's requestContext says of the caller. ServiceError (403) for others."""
        if config["AuthType"] == "NONE":
            # Signed or not: nobody asks. The function's policy must let everyone in.
            self._authorize(Caller.anonymous(), request, config)
            return {"accountId": "anonymous"}
        signature = read_signature(request)
        if signature is None or signature.signing_name != "lambda":
            raise ServiceError("AccessDeniedException", "not signed for the service lambda", 403)
        caller = self._account.access.caller(signature)
        return self._signed(signature, self._authorize(caller, request, config))

    def _authorize(self, caller: Caller, request: Request, config: dict[str, Any]) -> Identity:
        access, arn = self._account.access, config["FunctionArn"]
        identity = access.identity(caller)
        context = access.context(caller, identity, "lambda", {"FunctionName": arn}, request)
        context["lambda:functionurlauthtype"] = config["AuthType"]
        context["lambda:invokedviafunctionurl"] = "true"
        for action in _ACTIONS:
            reason = access.refusal(caller, identity, Demand(action, arn), context)
            if reason:
                message = f"{identity.name} may not {action} on {arn} {reason}"
                raise ServiceError("AccessDeniedException", message, 403)
        return identity

    def _signed(self, signature: Signature, identity: Identity) -> dict[str, Any]:
        iam = {
            "accessKey": signature.access_key_id,
            "accountId": self._account.id,
            "callerId": identity.id,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": identity.name,
            "userId": identity.id,
        }
        return {"accountId": self._account.id, "authorizer": {"iam": iam}}
