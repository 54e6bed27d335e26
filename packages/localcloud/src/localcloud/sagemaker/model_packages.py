"""Model packages: versions in the registry, their approval, and the event of each change."""

from __future__ import annotations

import re
from typing import Any

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.sagemaker.model_package_groups import ModelPackageGroups, identity
from localcloud.sagemaker.naming import arn, check_name, refuse_members, validation_error
from localcloud.sagemaker.notices import emit
from localcloud.sagemaker.paging import listing

_MAX_CUSTOMER_PROPERTIES = 50
_SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
# What the event has beside its tags.
_EVENT = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "ModelApprovalStatus",
    "ApprovalDescription",
    "CertifyForMarketplace",
    "CustomerMetadataProperties",
    "ModelMetrics",
    "MetadataProperties",
    "ModelLifeCycle",
    "SourceUri",
    "LastModifiedTime",
)
_SCALARS = ("ModelApprovalStatus", "ApprovalDescription", "InferenceSpecification", "SourceUri")
_WHOLE = ("ModelCard", "ModelLifeCycle", "ModelPackageRegistrationType")


class ModelPackages(ModelPackageGroups):
    """The model package part of SageMaker's API."""

    def create_model_package(self, request: Request, caller: Caller) -> Response:
        refuse_members(request, ("SourceAlgorithmSpecification",), "give InferenceSpecification")
        _check_properties(request.get("CustomerMetadataProperties", {}))
        group, name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
        if bool(group) == bool(name):
            raise validation_error(
                "Exactly one of ModelPackageGroupName and ModelPackageName is required."
            )
        token = request.get("ClientToken")
        with self._registry_lock:
            if token in self._packages_by_token:
                return {"ModelPackageArn": self._packages_by_token[token]}
            named = self._version_of(str(group)) if group else self._unversioned(str(name))
            package = self._new_package(request, named, caller)
            self.tag_resource_at_creation(package["ModelPackageArn"], request)
            self._packages[package["ModelPackageArn"]] = package
            if token is not None:
                self._packages_by_token[token] = package["ModelPackageArn"]
        self._announce(package)
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def describe_model_package(self, request: Request, caller: Caller) -> Response:
        return dict(self._package(request["ModelPackageName"]))

    def update_model_package(self, request: Request, caller: Caller) -> Response:
        with self._registry_lock:
            package = self._package(request["ModelPackageArn"])
            properties = {
                **package.get("CustomerMetadataProperties", {}),
                **request.get("CustomerMetadataProperties", {}),
            }
            for key in request.get("CustomerMetadataPropertiesToRemove", []):
                properties.pop(key, None)
            _check_properties(properties)
            changes = {key: request[key] for key in (*_SCALARS, *_WHOLE) if key in request}
            additional = request.get("AdditionalInferenceSpecificationsToAdd", [])
            if additional:
                known = package.get("AdditionalInferenceSpecifications", [])
                changes["AdditionalInferenceSpecifications"] = [*known, *additional]
            changes["LastModifiedTime"] = self.account.clock.now()
            changes["LastModifiedBy"] = identity(self.account, caller)
            # A new dict: who describes it at the same time sees the old or the new one, whole.
            package = {**package, **changes, "CustomerMetadataProperties": properties}
            self._packages[package["ModelPackageArn"]] = package
        self._announce(package)
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def list_model_packages(self, request: Request, caller: Caller) -> Response:
        kind = request.get("ModelPackageType", "Unversioned")
        group = request.get("ModelPackageGroupName", "").rpartition("/")[2]
        if group:
            self._group(group)
            kind = request.get("ModelPackageType", "Versioned")
        approval = request.get("ModelApprovalStatus")

        def is_wanted(package: dict[str, Any]) -> bool:
            is_versioned = "ModelPackageGroupName" in package
            return (
                kind in ("Both", "Versioned" if is_versioned else "Unversioned")
                and group in ("", package.get("ModelPackageGroupName"))
                and approval in (None, package.get("ModelApprovalStatus"))
            )

        return listing(
            [package for package in list(self._packages.values()) if is_wanted(package)],
            request,
            name="ModelPackageArn",
            members=_SUMMARY,
            result="ModelPackageSummaryList",
        )

    def delete_model_package(self, request: Request, caller: Caller) -> Response:
        with self._registry_lock:
            package = self._package(request["ModelPackageName"])
            del self._packages[package["ModelPackageArn"]]
            self.forget_tags(package["ModelPackageArn"])
        return {}

    def approved_package(self, name_or_arn: str) -> dict[str, Any]:
        """A package that may serve. ServiceError, as AWS words it, for one that may not."""
        package = self._package(name_or_arn)
        status = package.get("ModelApprovalStatus", "Approved")
        if status != "Approved":
            raise validation_error(
                f"Model Package {package['ModelPackageArn']} cannot be used to create a model: "
                f"its approval status is {status}, and it must be Approved."
            )
        return package

    def _package(self, name_or_arn: str) -> dict[str, Any]:
        is_arn = name_or_arn.startswith("arn:")
        package_arn = name_or_arn if is_arn else arn(self.account, "model-package", name_or_arn)
        if package_arn not in self._packages:
            raise validation_error(f"ModelPackage {package_arn} does not exist.")
        return self._packages[package_arn]

    def _version_of(self, group_name_or_arn: str) -> dict[str, Any]:
        name = self._group(group_name_or_arn)["ModelPackageGroupName"]
        # A deleted version's number is not given again.
        version = self._last_versions[name] = self._last_versions.get(name, 0) + 1
        return {
            "ModelPackageGroupName": name,
            "ModelPackageVersion": version,
            "ModelPackageArn": arn(self.account, "model-package", f"{name}/{version}"),
        }

    def _unversioned(self, name: str) -> dict[str, Any]:
        check_name(name, "modelPackageName")
        package_arn = arn(self.account, "model-package", name)
        if package_arn in self._packages:
            raise ServiceError("ConflictException", f"ModelPackage already exists: {package_arn}")
        return {"ModelPackageName": name, "ModelPackageArn": package_arn}

    def _new_package(
        self, request: Request, named: dict[str, Any], caller: Caller
    ) -> dict[str, Any]:
        left_out = ("Tags", "ClientToken", "ModelPackageGroupName", "ModelPackageName")
        given = {key: value for key, value in request.items() if key not in left_out}
        if "ModelPackageGroupName" in named:
            # As in AWS, a version waits for its approval unless it is created with another status.
            given.setdefault("ModelApprovalStatus", "PendingManualApproval")
            named = {**named, "ModelPackageName": _name_of(named["ModelPackageArn"])}
        return {
            **given,
            **named,
            "CreationTime": self.account.clock.now(),
            "CreatedBy": identity(self.account, caller),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }

    def _announce(self, package: dict[str, Any]) -> None:
        detail = {key: package[key] for key in _EVENT if key in package}
        tags = self.tags_of(package["ModelPackageArn"])
        detail["Tags"] = {tag["Key"]: tag["Value"] for tag in tags}
        emit(
            self.account,
            "SageMaker Model Package State Change",
            detail,
            package["ModelPackageArn"],
        )


def _name_of(package_arn: str) -> str:
    return re.sub(r"^.*:model-package/", "", package_arn)


def _check_properties(properties: dict[str, str]) -> None:
    if len(properties) > _MAX_CUSTOMER_PROPERTIES:
        raise validation_error(
            f"CustomerMetadataProperties can have at most {_MAX_CUSTOMER_PROPERTIES} pairs, "
            f"not {len(properties)}."
        )
