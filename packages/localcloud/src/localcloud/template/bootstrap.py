"""What `cdk bootstrap` leaves in an account: the version parameter and the assets bucket."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.account import Account
from localcloud.assets import FileAsset
from localcloud.template.assembly import Assembly

# A recent version of the bootstrap template: enough for every aws-cdk-lib 2.
_BOOTSTRAP_VERSION = "30"
# What of these types is read straight from the assembly, and needs no upload.
_READ_FROM_ASSEMBLY = {
    "AWS::Lambda::Function": "Code",
    "AWS::Lambda::LayerVersion": "Content",
    "AWS::CloudFormation::Stack": "TemplateURL",
}


def bootstrap_versions(assembly: Assembly) -> dict[str, str]:
    """The version parameters that the stacks' templates look for, and their values."""
    names = {
        stack.template.get("Parameters", {}).get("BootstrapVersion", {}).get("Default")
        for stack in assembly.stacks
    }
    return {name: _BOOTSTRAP_VERSION for name in names if name}


class Bootstrap:
    """Uploads an asset when a resource is about to be created that might read it from S3."""

    def __init__(self, account: Account, assembly: Assembly) -> None:
        self._assembly = assembly
        self._account = account
        self._names = {"AccountId": account.id, "Region": account.region, "Partition": "aws"}
        self._published: set[str] = set()
        self._buckets: set[str] = set()
        self._lock = threading.Lock()

    def publish(self, resource_type: str, properties: Mapping[str, Any]) -> None:
        """Upload every asset that resolved properties name, once."""
        skipped = _READ_FROM_ASSEMBLY.get(resource_type)
        read = [value for name, value in properties.items() if name != skipped]
        for text in _strings(read):
            for key, asset in self._assembly.files.items():
                if key in text and key not in self._published:
                    self._upload(asset)

    def _upload(self, asset: FileAsset) -> None:
        bucket = asset.bucket_name
        for name, value in self._names.items():
            bucket = bucket.replace(f"${{AWS::{name}}}", value)
        s3 = self._account.client("s3")
        with self._lock:
            if bucket not in self._buckets:
                region = self._names["Region"]
                elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
                s3.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else elsewhere))
                self._buckets.add(bucket)
        s3.put_object(Bucket=bucket, Key=asset.object_key, Body=asset.read())
        self._published.add(asset.object_key)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
