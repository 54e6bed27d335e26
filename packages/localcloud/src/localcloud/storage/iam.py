"""STS, and what IAM does beyond moto: policies are checked when they are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from moto.iam.models import Role

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.credentials import Credentials
from localcloud.iam.identity import Identities
from localcloud.iam.inventory import MotoInventory
from localcloud.iam.policy import Policy, parse_policy
from localcloud.iam.user_keys import UserKeys
from localcloud.service import Service
from localcloud.storage.moto_backend import MotoBackend

_ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)")
_DEFAULT_SECONDS = 3600
_SHORTEST_SECONDS = 900
_READS = ("Get", "List", "Simulate", "Generate")


class StsService(Service):
    """Who the caller is, and sessions of roles. Whether a role may be assumed is IAM's check."""

    service_name = "sts"

    def __init__(self, account: Account, inventory: MotoInventory) -> None:
        super().__init__(account)
        self._inventory = inventory

    def get_caller_identity(self, request: Request, caller: Caller) -> Response:
        identity = self.account.access.identity(caller)
        return {"UserId": identity.id, "Account": self.account.id, "Arn": identity.name}

    def assume_role(self, request: Request, caller: Caller) -> Response:
        role_arn, session = request["RoleArn"], request["RoleSessionName"]
        match = _ROLE_ARN.fullmatch(role_arn)
        if match is None or match[1] != self.account.id:
            raise ServiceError("ValidationError", f"{role_arn} is not a role of this account")
        role = self._inventory.role(match[2])
        if role is None or role.arn != role_arn:
            raise ServiceError("AccessDenied", f"there is no role {role_arn}", 403)
        seconds = request.get("DurationSeconds", _DEFAULT_SECONDS)
        _check_duration(seconds, role, caller)
        limited = Caller(
            role_arn=role_arn,
            session_name=session,
            session_policies=self._session_policies(request),
            session_tags=tuple((tag["Key"], tag["Value"]) for tag in request.get("Tags", [])),
        )
        minted = self.account.access.keys.mint(limited, timedelta(seconds=seconds))
        arn = f"arn:aws:sts::{self.account.id}:assumed-role/{match[2]}/{session}"
        return {
            "Credentials": _members(minted),
            "AssumedRoleUser": {"AssumedRoleId": f"{role.id}:{session}", "Arn": arn},
        }

    def _session_policies(self, request: Request) -> tuple[str, ...]:
        """The documents that a session is limited to. ServiceError where one can't be read."""
        documents = [request["Policy"]] if request.get("Policy") else []
        for arn in (one["arn"] for one in request.get("PolicyArns", [])):
            document = self._inventory.managed_policy(arn)
            if document is None:
                raise ServiceError("ValidationError", f"Policy {arn} does not exist")
            documents.append(document)
        for document in documents:
            check_policy(document, is_trust=False)
        return tuple(documents)

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
        return {"Credentials": _members(self.account.access.keys.mint(caller, lifetime))}


def _check_duration(seconds: int, role: Role, caller: Caller) -> None:
    longest = int(role.max_session_duration or _DEFAULT_SECONDS)
    if not seconds >= _SHORTEST_SECONDS:
        message = f"DurationSeconds must have value greater than or equal to {_SHORTEST_SECONDS}"
        raise ServiceError("ValidationError", message)
    if seconds > longest:
        message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise ServiceError("ValidationError", message)
    if caller.role_arn is not None and seconds > _DEFAULT_SECONDS:
        message = (
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining"
        )
        raise ServiceError("ValidationError", message)


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

    def __init__(
        self,
        account: Account,
        moto: MotoBackend,
        inventory: MotoInventory,
        identities: Identities,
        user_keys: UserKeys,
    ) -> None:
        super().__init__(account)
        self._moto, self._inventory = moto, inventory
        self._identities, self._user_keys = identities, user_keys

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        if operation == "DeleteAccessKey":
            self._user_keys.forget(request["AccessKeyId"])
        if not operation.startswith(_READS):
            self._identities.forget()

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
        return self._moto.invoke("iam", operation, request)

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        """Refuse a policy document that can't be evaluated, as IAM refuses a malformed one."""
        is_trust = operation == "UpdateAssumeRolePolicy"
        for member in ("PolicyDocument", "AssumeRolePolicyDocument"):
            if member in request:
                of_trust = is_trust or member.startswith("Assume")
                self._check_principals(check_policy(request[member], is_trust=of_trust))

    def _check_principals(self, policy: Policy) -> None:
        """A role or user that a trust policy names must be there."""
        for statement in policy.statements:
            for arn in (statement.principals or {}).get("AWS", ()):
                if not self._exists(arn):
                    message = f'Invalid principal in policy: "AWS":"{arn}"'
                    raise ServiceError("MalformedPolicyDocument", message)

    def _exists(self, arn: str) -> bool:
        prefix = f"arn:aws:iam::{self.account.id}:"
        if arn.startswith(f"{prefix}user/"):
            return self._inventory.user(arn) is not None
        # The roles of CDK's bootstrap stack, which no assembly makes, are there in every account.
        if not arn.startswith(f"{prefix}role/") or arn.startswith(f"{prefix}role/cdk-"):
            return True
        return self._inventory.role_arn(arn.rpartition("/")[2]) == arn


def check_policy(document: str, *, is_trust: bool) -> Policy:
    """The policy of a document. ServiceError where IAM wouldn't take it as one of this kind."""
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
    return policy
