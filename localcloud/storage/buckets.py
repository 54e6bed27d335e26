"""What S3 promises of its buckets and objects that moto doesn't keep."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable
from typing import Any

from localcloud.service import Caller, Request, Response, Service, ServiceError

_MAX_KEY_BYTES = 1024
_MAX_DELETIONS = 1000
_MAX_PARTS = 10_000
_BUCKET_NAME = re.compile(
    r"(?!xn--|sthree-|\d+\.\d+\.\d+\.\d+$)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]"
)
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "ContentMD5": lambda body: hashlib.md5(body, usedforsecurity=False).digest(),
    "ChecksumCRC32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "ChecksumSHA1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "ChecksumSHA256": lambda body: hashlib.sha256(body).digest(),
}
_ENCRYPTED_BY_S3 = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}],
}


class StorageService(Service):
    """Refuses what S3 refuses of names, keys and bodies; encrypts every bucket."""

    service_name = "s3"
    extends_moto = True

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        if operation == "CreateBucket" and not _BUCKET_NAME.fullmatch(request["Bucket"]):
            message = "The specified bucket is not valid."
            raise ServiceError("InvalidBucketName", message, BucketName=request["Bucket"])
        key = request.get("Key")
        if isinstance(key, str) and len(key.encode()) > _MAX_KEY_BYTES:
            raise ServiceError("KeyTooLongError", "Your key is too long")
        if operation in ("PutObject", "UploadPart"):
            _check_digests(request)
        if operation in ("UploadPart", "UploadPartCopy"):
            self._check_part(request)
        if operation in ("CopyObject", "CompleteMultipartUpload"):
            self._check_target(request)
        if operation == "DeleteObjects" and len(request["Delete"]["Objects"]) > _MAX_DELETIONS:
            message = "The XML you provided was not well-formed or did not validate"
            raise ServiceError("MalformedXML", message)

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        is_plain = operation in ("CreateBucket", "DeleteBucketEncryption")
        # Who creates a bucket that is theirs already changes nothing of it.
        if is_plain and not self.cloud.inventory.is_encrypted(request["Bucket"]):
            # Every bucket encrypts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
            self.cloud.moto.invoke(
                "s3",
                "PutBucketEncryption",
                {
                    "Bucket": request["Bucket"],
                    "ServerSideEncryptionConfiguration": _ENCRYPTED_BY_S3,
                },
            )

    def _check_target(self, request: Request) -> None:
        """Conditions on the object that would be replaced, which moto doesn't read."""
        etag = self.cloud.inventory.object_etag(request["Bucket"], request["Key"])
        wanted = request.get("IfMatch")
        if (request.get("IfNoneMatch") and etag) or (wanted and wanted.strip('"') != etag):
            message = "At least one of the pre-conditions you specified did not hold"
            raise ServiceError("PreconditionFailed", message, 412)

    def _check_part(self, request: Request) -> None:
        number = request["PartNumber"]
        if not 1 <= number <= _MAX_PARTS:
            message = f"Part number must be an integer between 1 and {_MAX_PARTS}, inclusive"
            raise ServiceError("InvalidArgument", message)
        bucket, upload = request["Bucket"], request["UploadId"]
        inventory = self.cloud.inventory
        if inventory.has_bucket(bucket) and not inventory.has_upload(bucket, upload):
            message = "The specified upload does not exist. The upload ID may be invalid"
            raise ServiceError("NoSuchUpload", message, 404, UploadId=upload)


def _check_digests(request: dict[str, Any]) -> None:
    body = request.get("Body", b"")
    if not isinstance(body, bytes) or "aws-chunked" in request.get("ContentEncoding", ""):
        return
    for member, digest in _DIGESTS.items():
        if member in request and request[member] != base64.b64encode(digest(body)).decode():
            name = member.removeprefix("Content").removeprefix("Checksum")
            message = f"The {name} you specified did not match the calculated checksum."
            raise ServiceError("BadDigest", message)
