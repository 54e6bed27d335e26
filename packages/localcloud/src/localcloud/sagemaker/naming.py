"""ARNs, names and errors in SageMaker's own words."""

from __future__ import annotations

import re
from typing import Any

from localcloud.account import Account
from localcloud.calls import ServiceError

_NAME_PATTERN = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
_BUCKET_OR_KEY = re.compile(r"^s3://([^/]+)/?(.*)$")


def arn(account: Account, kind: str, name: str) -> str:
    """`arn:aws:sagemaker:REGION:ACCOUNT:KIND/NAME`."""
    prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    partition = next(
        (p for start, p in prefixes.items() if account.region.startswith(start)), "aws"
    )
    return f"arn:{partition}:sagemaker:{account.region}:{account.id}:{kind}/{name}"


def validation_error(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def check_name(name: str, member: str) -> None:
    """Refuse a resource name that AWS would refuse."""
    if not re.fullmatch(_NAME_PATTERN, name):
        raise validation_error(
            f"1 validation error detected: Value '{name}' at '{member}' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {_NAME_PATTERN}"
        )


def refuse_members(request: dict[str, Any], members: tuple[str, ...], what_to_do: str) -> None:
    """Refuse by name members that are valid in AWS but not carried out here."""
    for member in members:
        if request.get(member):
            raise validation_error(f"{member} is not carried out by localcloud: {what_to_do}")


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of `s3://bucket/key`. ValueError for anything else."""
    match = _BUCKET_OR_KEY.match(uri)
    if not match:
        raise ValueError(f"{uri} is no S3 URI: write s3://bucket/key")
    return match.group(1), match.group(2)


def job_name_of(arn_or_name: str) -> str:
    return arn_or_name.rpartition("/")[2]
