"""What S3 promises of its buckets and objects that moto doesn't keep."""

from __future__ import annotations

import re

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.iam.inventory import MotoInventory
from localcloud.iam.s3_actions import copy_source
from localcloud.service import Service
from localcloud.storage.checksums import check_digests
from localcloud.storage.moto_backend import MotoBackend
from localcloud.storage.object_requests import check_request

_MAX_PARTS = 10_000
_BUCKET_NAME = re.compile(
    r"(?!xn--|sthree-|\d+\.\d+\.\d+\.\d+$)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]"
)
_ENCRYPTED_BY_S3 = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}],
}


class StorageService(Service):
    """Refuses what S3 refuses of names, keys and bodies; encrypts every bucket."""

    service_name = "s3"
    extends_moto = True

    def __init__(self, account: Account, moto: MotoBackend, inventory: MotoInventory) -> None:
        super().__init__(account)
        self._moto, self._inventory = moto, inventory

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        if operation == "CreateBucket" and not _BUCKET_NAME.fullmatch(request["Bucket"]):
            message = "The specified bucket is not valid."
            raise ServiceError("InvalidBucketName", message, BucketName=request["Bucket"])
        check_request(operation, request)
        if operation in ("PutObject", "UploadPart"):
            check_digests(request)
        if operation in ("UploadPart", "UploadPartCopy"):
            self._check_number(request["PartNumber"])
        if operation in ("UploadPart", "UploadPartCopy", "CompleteMultipartUpload"):
            self._check_upload(request)
        if operation == "UploadPartCopy":
            self._check_source(request)
        if operation == "ListObjectsV2":
            self._check_token(request)
        if operation in ("CopyObject", "CompleteMultipartUpload"):
            self._check_target(request)

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        is_plain = operation in ("CreateBucket", "DeleteBucketEncryption")
        # Who creates a bucket that is theirs already changes nothing of it.
        if is_plain and not self._inventory.is_encrypted(request["Bucket"]):
            # Every bucket encrypts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
            self._moto.invoke(
                "s3",
                "PutBucketEncryption",
                {
                    "Bucket": request["Bucket"],
                    "ServerSideEncryptionConfiguration": _ENCRYPTED_BY_S3,
                },
            )

    def _check_target(self, request: Request) -> None:
        """Conditions on the object that would be replaced, which moto doesn't read."""
        etag = self._inventory.object_etag(request["Bucket"], request["Key"])
        wanted = request.get("IfMatch")
        if (request.get("IfNoneMatch") and etag) or (wanted and wanted.strip('"') != etag):
            message = "At least one of the pre-conditions you specified did not hold"
            raise ServiceError("PreconditionFailed", message, 412)

    def _check_number(self, number: int) -> None:
        if not 1 <= number <= _MAX_PARTS:
            message = f"Part number must be an integer between 1 and {_MAX_PARTS}, inclusive"
            raise ServiceError("InvalidArgument", message)

    def _check_upload(self, request: Request) -> None:
        bucket, upload = request["Bucket"], request["UploadId"]
        inventory = self._inventory
        if inventory.has_bucket(bucket) and not inventory.has_upload(bucket, upload):
            message = "The specified upload does not exist. The upload ID may be invalid"
            raise ServiceError("NoSuchUpload", message, 404, UploadId=upload)

    def _check_source(self, request: Request) -> None:
        bucket, key, version = copy_source(request) or ("", "", None)
        inventory = self._inventory
        is_known = not inventory.has_bucket(bucket) or inventory.object_etag(bucket, key)
        if version is None and not is_known:
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404, Key=key)

    def _check_token(self, request: Request) -> None:
        token = request.get("ContinuationToken")
        if token and not self._inventory.has_listing(token):
            message = "The continuation token provided is incorrect"
            raise ServiceError("InvalidArgument", message, ArgumentName="continuation-token")
