"""Which versions are approved, and when a person last said so.

The registry keeps no time of approval, and its last modification is moved by edits too. So what was
seen of each approved version is kept in the release record, and compared.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from lambdas.plan_release.plan import Wanted
from meguru.rollback import is_rollback

# What a decision changes. Anything else is an edit of the version.
DECISION = ("ModelApprovalStatus", "ApprovalDescription", "LastModifiedTime", "LastModifiedBy")
Seen = dict[str, dict[str, str]]


def look(sagemaker: Any, group: str, seen: Seen) -> Seen:
    """Every version of the group that is approved now, by its ARN, with `approved_at`.

    A version that was changed since `seen` without being edited was approved again.
    """
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved"
    )
    listed = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]
    described = [sagemaker.describe_model_package(ModelPackageName=arn) for arn in listed]
    return {
        package["ModelPackageArn"]: _compare(package, seen.get(package["ModelPackageArn"]))
        for package in described
        if package["ModelApprovalStatus"] == "Approved"
    }


def _compare(package: dict[str, Any], before: dict[str, str] | None) -> dict[str, str]:
    modified_at = _text(package.get("LastModifiedTime", package["CreationTime"]))
    content = _digest({key: value for key, value in package.items() if key not in DECISION})
    is_edited = before is not None and before["content"] != content
    is_known = before is not None and before["modified_at"] == modified_at
    approved_at = before["approved_at"] if before and (is_edited or is_known) else modified_at
    return {
        "approved_at": approved_at,
        "modified_at": modified_at,
        "created_at": _text(package["CreationTime"]),
        "content": content,
        # Whether a person brought it back, rather than forward.
        "rollback": "yes" if is_rollback(package.get("ApprovalDescription", "")) else "",
    }


def last_approved(approved: Seen, released: Wanted | None) -> str | None:
    """The version to serve: of those approved after the released one was, the last; without any,
    the released one while it is approved.

    So rejecting a version never brings an older one back, and rejecting the one that serves leaves
    it serving.
    """
    after = released.approved_at if released else ""
    later = [arn for arn in approved if approved[arn]["approved_at"] > after]
    if later:
        return max(later, key=lambda arn: (approved[arn]["approved_at"], _version(arn)))
    return released.package if released and released.package in approved else None


def _version(arn: str) -> int:
    return int(arn.rpartition("/")[2])


def _digest(value: dict[str, Any]) -> str:
    value = {key: value[key] for key in value if key != "ResponseMetadata"}
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
