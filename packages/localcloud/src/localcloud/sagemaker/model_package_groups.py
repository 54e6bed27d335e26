"""Model package groups: the shelves of the registry."""

from __future__ import annotations

import threading
from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response
from localcloud.sagemaker.naming import arn, check_name, validation_error
from localcloud.sagemaker.paging import listing
from localcloud.sagemaker.tags import Tags

_SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageGroupArn",
    "ModelPackageGroupDescription",
    "CreationTime",
    "ModelPackageGroupStatus",
)


class ModelPackageGroups(Tags):
    """Groups by name, and the packages of all groups by ARN."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._groups: dict[str, dict[str, Any]] = {}
        self._packages: dict[str, dict[str, Any]] = {}
        self._packages_by_token: dict[str, str] = {}
        self._last_versions: dict[str, int] = {}
        self._registry_lock = threading.RLock()

    def create_model_package_group(self, request: Request, caller: Caller) -> Response:
        name = request["ModelPackageGroupName"]
        check_name(name, "modelPackageGroupName")
        group_arn = arn(self.account, "model-package-group", name)
        with self._registry_lock:
            if name in self._groups:
                raise validation_error(f"Model Package Group already exists: {group_arn}")
            self.tag_resource_at_creation(group_arn, request)
            self._groups[name] = {
                **{key: value for key, value in request.items() if key != "Tags"},
                "ModelPackageGroupArn": group_arn,
                "CreationTime": self.account.clock.now(),
                "CreatedBy": identity(self.account, caller),
                "ModelPackageGroupStatus": "Completed",
            }
        return {"ModelPackageGroupArn": group_arn}

    def describe_model_package_group(self, request: Request, caller: Caller) -> Response:
        return dict(self._group(request["ModelPackageGroupName"]))

    def list_model_package_groups(self, request: Request, caller: Caller) -> Response:
        return listing(
            list(self._groups.values()),
            request,
            name="ModelPackageGroupName",
            members=_SUMMARY,
            result="ModelPackageGroupSummaryList",
        )

    def delete_model_package_group(self, request: Request, caller: Caller) -> Response:
        with self._registry_lock:
            group = self._group(request["ModelPackageGroupName"])
            name = group["ModelPackageGroupName"]
            if any(each.get("ModelPackageGroupName") == name for each in self._packages.values()):
                raise validation_error(
                    f"Model Package Group {group['ModelPackageGroupArn']} cannot be deleted: it "
                    "still has model packages."
                )
            del self._groups[name]
            self.forget_tags(group["ModelPackageGroupArn"])
        return {}

    def _group(self, name_or_arn: str) -> dict[str, Any]:
        name = name_or_arn.rpartition("/")[2]
        if name not in self._groups:
            group_arn = arn(self.account, "model-package-group", name)
            raise validation_error(f"ModelPackageGroup {group_arn} does not exist.")
        return self._groups[name]


def identity(account: Account, caller: Caller) -> dict[str, Any]:
    """Who made a call, as CreatedBy and LastModifiedBy have it."""
    root = f"arn:aws:iam::{account.id}:root"
    session = caller.session_name
    if caller.role_arn:
        role = caller.role_arn.rpartition("/")[2]
        root = f"arn:aws:sts::{account.id}:assumed-role/{role}/{session}"
    return {"IamIdentity": {"Arn": root, "PrincipalId": root, "SourceIdentity": session}}
