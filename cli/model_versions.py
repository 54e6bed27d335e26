"""How a model version stands at the moment: for a person to approve, approved, serving."""

from __future__ import annotations

from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from cli.account import Account
from meguru.rollback import is_rollback


def describe_version(account: Account, arn: str) -> dict[str, Any]:
    """A version as the registry describes it; nothing where it was deleted there."""
    try:
        package: dict[str, Any] = account.client("sagemaker").describe_model_package(
            ModelPackageName=arn
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return {}
    return package


def standing(account: Account, arn: str, endpoint: str) -> str:
    """In a few words, what a person decided of a version and what became of it since."""
    package = describe_version(account, arn)
    if not package:
        return "deleted from the registry since"
    status = package["ModelApprovalStatus"]
    if status == "PendingManualApproval":
        return "waits for a person to approve it"
    if status == "Rejected":
        said = package.get("ApprovalDescription")
        return f"rejected ({said})" if said else "rejected"
    release = read_release(account, endpoint)
    serving = release.get("released_model_package_arn", "")
    if serving == arn:
        return "approved, and serves"
    if release.get("failed_release", {}).get("package") == arn:
        return f"approved, and its release failed: {release.get('failed_because', 'no reason')}"
    if not serving:
        return "approved, and is being released"
    said = describe_version(account, serving).get("ApprovalDescription", "")
    why = f" ({said})" if is_rollback(said) else ""
    return f"approved; version {serving.rpartition('/')[2]} serves{why}"


def read_release(account: Account, endpoint: str) -> dict[str, Any]:
    """What the release workflow has written down of an endpoint; nothing where it wrote nothing."""
    item = account.client("dynamodb").get_item(
        TableName=account.outputs["ReleaseTable"], Key={"endpoint_name": {"S": endpoint}}
    )
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item.get("Item", {}).items()}
