"""Execution roles: they must exist and trust SageMaker."""

from __future__ import annotations

from typing import Any

from localcloud.account import Account
from localcloud.sagemaker.naming import validation_error

_PRINCIPAL = "sagemaker.amazonaws.com"


def check_role(account: Account, role_arn: str) -> None:
    """Refuse a role that SageMaker could not assume."""
    iam = account.client("iam")
    try:
        role = iam.get_role(RoleName=role_arn.rpartition("/")[2])["Role"]
    except iam.exceptions.NoSuchEntityException:
        role = {}
    statements = role.get("AssumeRolePolicyDocument", {}).get("Statement", [])
    if role.get("Arn") != role_arn or not any(_trusts(each) for each in _listed(statements)):
        raise validation_error(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows "
            f"principal '{_PRINCIPAL}' to assume the role."
        )


def _trusts(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal", {})
    services = _listed(principal.get("Service", [])) if isinstance(principal, dict) else []
    return statement.get("Effect") == "Allow" and _PRINCIPAL in services


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
