"""Bucket policies, kept out of moto, which would enforce them without their conditions."""

from __future__ import annotations

import json
from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.iam.inventory import MotoInventory
from localcloud.iam.policy import parse_policy
from localcloud.service import Service


class BucketPolicyService(Service):
    """The policies of S3's buckets."""

    service_name = "s3"
    extends_moto = True

    def __init__(self, account: Account, inventory: MotoInventory) -> None:
        super().__init__(account)
        self._inventory = inventory
        self._documents: dict[str, str] = {}

    def put_bucket_policy(self, request: Request, caller: Caller) -> Response:
        self._require_bucket(request["Bucket"])
        document = request["Policy"]
        try:
            parse_policy(document)
        except ValueError as error:
            raise ServiceError("MalformedPolicy", str(error)) from error
        _refuse_other_resources(request["Bucket"], document)
        self._documents[request["Bucket"]] = document
        return {}

    def get_bucket_policy(self, request: Request, caller: Caller) -> Response:
        return {"Policy": self._document(request["Bucket"])}

    def get_bucket_policy_status(self, request: Request, caller: Caller) -> Response:
        statements = _statements(self._document(request["Bucket"]))
        everyone = ("*", {"AWS": "*"})
        is_public = any(
            one["Effect"] == "Allow" and one.get("Principal") in everyone and "Condition" not in one
            for one in statements
        )
        return {"PolicyStatus": {"IsPublic": is_public}}

    def delete_bucket_policy(self, request: Request, caller: Caller) -> Response:
        self._require_bucket(request["Bucket"])
        self._documents.pop(request["Bucket"], None)
        return {}

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        if operation == "DeleteBucket":
            self._documents.pop(request["Bucket"], None)

    def resource_policy(self, arn: str) -> dict[str, Any] | None:
        document = self._documents.get(arn.rpartition(":::")[2].partition("/")[0])
        policy: dict[str, Any] | None = json.loads(document) if document else None
        return policy

    def _document(self, bucket: str) -> str:
        self._require_bucket(bucket)
        if bucket not in self._documents:
            message = "The bucket policy does not exist"
            raise ServiceError("NoSuchBucketPolicy", message, 404, BucketName=bucket)
        return self._documents[bucket]

    def _require_bucket(self, bucket: str) -> None:
        if not self._inventory.has_bucket(bucket):
            message = "The specified bucket does not exist"
            raise ServiceError("NoSuchBucket", message, 404, BucketName=bucket)


def _statements(document: str) -> list[dict[str, Any]]:
    listed = json.loads(document)["Statement"]
    return listed if isinstance(listed, list) else [listed]


def _refuse_other_resources(bucket: str, document: str) -> None:
    own = f"arn:aws:s3:::{bucket}"
    for statement in _statements(document):
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise ServiceError("MalformedPolicy", "Missing required field Principal")
        named = statement.get("Resource", statement.get("NotResource", own))
        for resource in [named] if isinstance(named, str) else named:
            if resource != own and not resource.startswith((own + "/", own + "*")):
                raise ServiceError("MalformedPolicy", f"Policy has invalid resource: {resource}")
