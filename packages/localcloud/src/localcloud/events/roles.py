"""How a service takes on the role it was given: by STS, so that the role's trust is checked."""

from __future__ import annotations

from localcloud.account import Account
from localcloud.calls import Caller


def assumed(account: Account, service: str, role_arn: str, source_arn: str | None = None) -> Caller:
    """The role's session. ClientError (AccessDenied) where the role doesn't trust `service`."""
    session = service.partition(".")[0]
    sts = account.client("sts", Caller.aws_service(service, source_arn))
    sts.assume_role(RoleArn=role_arn, RoleSessionName=session)
    return Caller.role(role_arn, session)
