"""STS, and what IAM does beyond moto: policies are checked when they are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from localcloud.credentials import Credentials
from localcloud.iam.policy import parse_policy
from localcloud.service import Caller, Request, Response, Service, ServiceError

_ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)")
_DEFAULT_SECONDS = 3600
_READS = ("Get", "List", "Simulate", "Generate")


class StsService(Service):
    """Who the caller is, and sessions of roles. Whether a role may be assumed is IAM's check."""

    service_name = "sts"

    def get_caller_identity(self, request: Request, caller: Caller) -> Response:
        identity = self.cloud.identities.of(caller)
        return {"UserId": identity.id, "Account": self.cloud.account, "Arn": identity.name}

    def assume_role(self, request: Request, caller: Caller) -> Response:
        role_arn, session = request["RoleArn"], request["RoleSessionName"]
        match = _ROLE_ARN.fullmatch(role_arn)
        if match is None or match[1] != self.cloud.account:
            raise ServiceError("ValidationError", f"{role_arn} is not a role of this account")
        if request.get("Policy") or request.get("PolicyArns"):
            raise ServiceError("ValidationError", "localcloud knows no session policies: leave out")
        role = self.cloud.inventory.role(match[2])
        if role is None or role.arn != role_arn:
            raise ServiceError("AccessDenied", f"there is no role {role_arn}", 403)
        seconds = request.get("DurationSeconds", _DEFAULT_SECONDS)
        minted = self.cloud.credential_store.mint(
            Caller.role(role_arn, session), timedelta(seconds=seconds)
        )
        arn = f"arn:aws:sts::{self.cloud.account}:assumed-role/{match[2]}/{session}"
        return {
            "Credentials": _members(minted),
            "AssumedRoleUser": {"AssumedRoleId": f"{role.id}:{session}", "Arn": arn},
        }

    def get_session_token(self, request: Request, caller: Caller) -> Response:
        if caller.role_arn is not None:
            message = "Cannot call GetSessionToken with session credentials"
            raise ServiceError("AccessDenied", message, 403)
        lifetime = timedelta(seconds=request.get("DurationSeconds", 12 * _DEFAULT_SECONDS))
        if caller.is_administrator:
            return {
                "Credentials": {
                    "AccessKeyId": "LSIAADMINISTRATOR000",
                    "SecretAccessKey": "localcloud",
                    "SessionToken": "localcloud",
                    "Expiration": datetime.now(UTC) + lifetime,
                }
            }
        return {"Credentials": _members(self.cloud.credential_store.mint(caller, lifetime))}


def _members(minted: Credentials) -> Response:
    return {
        "AccessKeyId": minted.access_key_id,
        "SecretAccessKey": minted.secret_access_key,
        "SessionToken": minted.session_token,
        "Expiration": minted.expiration,
    }


class IamService(Service):
    """Refuses policies that the evaluator doesn't understand; the rest is moto's."""

    service_name = "iam"
    extends_moto = True

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        if operation == "DeleteAccessKey":
            self.cloud.user_keys.forget(request["AccessKeyId"])
        if not operation.startswith(_READS):
            self.cloud.identities.forget()

    def get_user(self, request: Request, caller: Caller) -> Response:
        return self._of_user("GetUser", request, caller)

    def list_access_keys(self, request: Request, caller: Caller) -> Response:
        return self._of_user("ListAccessKeys", request, caller)

    def create_access_key(self, request: Request, caller: Caller) -> Response:
        return self._of_user("CreateAccessKey", request, caller)

    def _of_user(self, operation: str, request: Request, caller: Caller) -> Response:
        """Without a name it is about the user that asks."""
        if "UserName" not in request and caller.user_arn is not None:
            request = {**request, "UserName": caller.user_arn.rpartition("/")[2]}
        return self.cloud.moto.invoke("iam", operation, request)

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        """Refuse a policy document that can't be evaluated, as IAM refuses a malformed one."""
        is_trust = operation == "UpdateAssumeRolePolicy"
        for member in ("PolicyDocument", "AssumeRolePolicyDocument"):
            if member in request:
                _check(request[member], is_trust=is_trust or member.startswith("Assume"))


def _check(document: str, *, is_trust: bool) -> None:
    try:
        policy = parse_policy(document)
    except ValueError as error:
        raise ServiceError("MalformedPolicyDocument", str(error)) from error
    named = [statement.principals is not None for statement in policy.statements]
    if is_trust and not all(named):
        raise ServiceError("MalformedPolicyDocument", "Missing required field Principal")
    if not is_trust and any(named):
        message = "Policy document should not specify a principal."
        raise ServiceError("MalformedPolicyDocument", message)
