"""CDK's BucketDeployment: unpacks assets into a bucket."""

from __future__ import annotations

import io
import json
import mimetypes
import zipfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from localcloud.resources.cdk_role import client_as_handler
from localcloud.resources.context import Context

Json = Mapping[str, Any]


def bucket_deployment(context: Context, event: Json) -> Json:
    """Copy every source's files to the destination; prune what is there and not among them."""
    properties = event["ResourceProperties"]
    s3 = client_as_handler(context, event, "s3")
    bucket = properties["DestinationBucketName"]
    prefix = properties.get("DestinationBucketKeyPrefix", "").strip("/")
    root = f"{prefix}/" if prefix else ""
    files = {
        path: content
        for path, content in _source_files(s3, properties)
        if _is_included(path, properties)
    }
    for path, content in files.items():
        s3.put_object(Bucket=bucket, Key=root + path, Body=content, **_metadata(path, properties))
    if properties.get("Prune", "true") == "true":
        _prune(s3, bucket, root, files.keys(), properties)
    keys = properties["SourceObjectKeys"]
    reported = keys if properties.get("OutputObjectKeys", "true") == "true" else []
    data: dict[str, Any] = {"SourceObjectKeys": reported}
    if "DestinationBucketArn" in properties:
        data["DestinationBucketArn"] = properties["DestinationBucketArn"]
    if properties.get("OutputObjectVersionIds") == "true":
        data["SourceObjectVersionIds"] = [
            _version(s3, bucket, root + PurePosixPath(key).name) for key in keys
        ]
    return {"PhysicalResourceId": f"aws.cdk.s3deployment.{event['RequestId']}", "Data": data}


def _source_files(s3: Any, properties: Json) -> Iterator[tuple[str, bytes]]:
    buckets, keys = properties["SourceBucketNames"], properties["SourceObjectKeys"]
    markers = properties.get("SourceMarkers") or [{} for _ in keys]
    configurations = properties.get("SourceMarkersConfig") or [{} for _ in keys]
    sources = zip(buckets, keys, markers, configurations, strict=True)
    for bucket, key, replacements, configuration in sources:
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        if properties.get("Extract", "true") != "true":
            yield PurePosixPath(key).name, content
            continue
        as_json = configuration.get("jsonEscape", "false").lower() == "true"
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield entry.filename, _marked(archive.read(entry), replacements, as_json)


def _marked(content: bytes, replacements: Json, as_json: bool) -> bytes:
    for marker, value in replacements.items():
        content = content.replace(marker.encode(), (_escaped(value) if as_json else value).encode())
    return content


def _escaped(value: str) -> str:
    return json.dumps(value)[1:-1]


def _is_included(path: str, properties: Json) -> bool:
    """The AWS CLI's filters: all that is excluded, save what is included again."""
    if any(fnmatchcase(path, pattern) for pattern in properties.get("Include", [])):
        return True
    return not any(fnmatchcase(path, pattern) for pattern in properties.get("Exclude", []))


def _metadata(path: str, properties: Json) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if guessed := mimetypes.guess_type(path)[0]:
        arguments["ContentType"] = guessed
    for name, value in properties.get("SystemMetadata", {}).items():
        arguments[_argument(name)] = value
    if user := properties.get("UserMetadata"):
        arguments["Metadata"] = {name.lower(): value for name, value in user.items()}
    return arguments


# The AWS CLI's options whose names aren't those of PutObject's parameters.
_ARGUMENTS = {
    "acl": "ACL",
    "sse": "ServerSideEncryption",
    "sse-kms-key-id": "SSEKMSKeyId",
    "website-redirect": "WebsiteRedirectLocation",
}


def _argument(option: str) -> str:
    """`cache-control` as PutObject has it: CacheControl."""
    return _ARGUMENTS.get(option.lower(), "".join(word.title() for word in option.split("-")))


def _prune(s3: Any, bucket: str, root: str, kept: Any, properties: Json) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=root):
        for item in page.get("Contents", []):
            path = item["Key"].removeprefix(root)
            if path not in kept and _is_included(path, properties):
                s3.delete_object(Bucket=bucket, Key=item["Key"])


def _version(s3: Any, bucket: str, key: str) -> str:
    return str(s3.head_object(Bucket=bucket, Key=key).get("VersionId", ""))
