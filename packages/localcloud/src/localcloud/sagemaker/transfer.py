"""S3 to and from a job's folders, with the job's own execution role."""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from localcloud.account import Account
from localcloud.calls import Caller
from localcloud.sagemaker.container import ROLE_SESSION
from localcloud.sagemaker.naming import split_s3_uri

_NAMES_NO_FILE_TAKES = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


class Transfer:
    """Moves objects as one execution role. A refused call is botocore's ClientError."""

    def __init__(self, account: Account, role_arn: str) -> None:
        self._s3 = account.client("s3", Caller.role(role_arn, ROLE_SESSION))

    def keys(self, uri: str) -> list[str]:
        """The keys under an S3 prefix, in S3's order, without folder markers."""
        bucket, prefix = split_s3_uri(uri)
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return [key for key in found if not key.endswith("/")]

    def exists(self, uri: str) -> bool:
        bucket, prefix = split_s3_uri(uri)
        listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        return bool(listed.get("KeyCount") or listed.get("Contents"))

    def has_object(self, uri: str) -> bool:
        """Whether the object is there, asked with no more than s3:GetObject."""
        bucket, key = split_s3_uri(uri)
        try:
            self._s3.get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            code = error.response["Error"].get("Code")
            if code == "NoSuchKey":
                return False
            # An object without a single byte has no first one.
            if code != "InvalidRange":
                raise
        return True

    def download(self, bucket: str, key: str, path: Path) -> None:
        """The object as a file. ValueError where no file can have its key as a name."""
        body = self._s3.get_object(Bucket=bucket, Key=key)["Body"]
        with _file_for(key, path) as file:
            shutil.copyfileobj(body, file, 1 << 20)

    def download_prefix(
        self,
        uri: str,
        folder: Path,
        shard: tuple[int, int] = (0, 1),
        proceed: Callable[[], None] = lambda: None,
    ) -> None:
        """Every object under a prefix, or the shard (i, n): each n-th key from the i-th on.

        `proceed` is called before each object and may raise to leave off. ValueError where two
        keys are one path (`a//b` and `a/b`): one would hide the other.
        """
        bucket, prefix = split_s3_uri(uri)
        base = prefix if prefix.endswith("/") else prefix.rpartition("/")[0]
        keys = self.keys(uri)
        if not prefix.endswith("/"):
            # `s3://bucket/data` names the folder data/ or the one object data.
            inside = [key for key in keys if key.startswith(f"{prefix}/")]
            base = prefix if prefix and inside and inside == keys else base
        taken: dict[Path, str] = {}
        for key in keys[shard[0] :: shard[1]]:
            proceed()
            relative = key[len(base) :].lstrip("/") if base else key
            path = inside_folder(folder, relative)
            if (other := taken.setdefault(path, key)) != key:
                raise ValueError(f"the S3 keys {other} and {key} are one file: rename an object")
            self.download(bucket, key, path)

    def download_manifest(self, uri: str, folder: Path, shard: tuple[int, int] = (0, 1)) -> None:
        """The objects that a SageMaker ManifestFile names: [{"prefix": …}, "key", …]."""
        bucket, key = split_s3_uri(uri)
        content = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        prefix_uri, names = _read_manifest(content, uri)
        source_bucket, prefix = split_s3_uri(prefix_uri)
        for relative in names[shard[0] :: shard[1]]:
            self.download(source_bucket, prefix + relative, inside_folder(folder, relative))

    def upload(self, path: Path, uri: str, kms_key_id: str | None = None) -> None:
        bucket, key = split_s3_uri(uri)
        extra: dict[str, Any] = {}
        if kms_key_id:
            extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id}
        self._s3.upload_file(str(path), bucket, key, ExtraArgs=extra)

    def put(self, content: bytes, uri: str) -> None:
        bucket, key = split_s3_uri(uri)
        self._s3.put_object(Bucket=bucket, Key=key, Body=content)


def _read_manifest(content: bytes, uri: str) -> tuple[str, list[str]]:
    """The prefix of a ManifestFile, and what follows it. ValueError for anything else."""
    entries = json.loads(content)
    head = entries[0] if isinstance(entries, list) and entries else None
    prefix = head.get("prefix") if isinstance(head, dict) else None
    if not isinstance(prefix, str):
        raise ValueError(f'the manifest {uri} must begin with {{"prefix": "s3://…"}}')
    names: list[str] = entries[1:]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"the manifest {uri} must name keys after its prefix, each a string")
    return prefix, names


def inside_folder(folder: Path, relative: str) -> Path:
    """`folder/relative`; ValueError when a key's `..` would lead out of the folder."""
    if ".." in PurePosixPath(relative).parts:
        raise ValueError(f"the S3 key {relative} leads out of its folder: rename the object")
    return folder / relative.lstrip("/")


def _file_for(key: str, path: Path) -> BinaryIO:
    """A new file of the object `key`; ValueError where its name is the reason that there is none.

    A part of it has more than 255 bytes, or another object's key goes on after it with a slash.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    except OSError as error:
        if error.errno not in _NAMES_NO_FILE_TAKES:
            raise
        reason = os.strerror(error.errno)
        raise ValueError(
            f"the S3 key {key} can't be a file's name ({reason}): rename the object"
        ) from error


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def pack(folders: Sequence[Path], archive: Path) -> None:
    """One .tar.gz of what lies in all the folders; where paths collide the first folder wins."""
    packed: set[Path] = set()
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path, relative in merged(folders):
            if relative not in packed:
                packed.add(relative)
                tar.add(path, str(relative), recursive=False)


def merged(folders: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Each file of the folders, and its path relative to its folder."""
    return [(path, path.relative_to(folder)) for folder in folders for path in files_below(folder)]


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar.gz whose members may not lead out of the folder. ValueError when broken."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                _refuse_leading_out(member)
                tar.extract(member, folder, set_attrs=False)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{archive.name} is no sound gzip-compressed tar archive: {error}"
        ) from error


def _refuse_leading_out(member: tarfile.TarInfo) -> None:
    """What tarfile's own filter `data` refuses, which is not in every Python 3.11."""
    targets = [member.name, *([member.linkname] if member.issym() or member.islnk() else [])]
    for path in map(PurePosixPath, targets):
        if path.is_absolute() or ".." in path.parts:
            raise tarfile.TarError(f"{member.name!r} leads out of its folder")
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise tarfile.TarError(f"{member.name!r} is no file, folder or link")


def explain(error: ClientError) -> str:
    """AWS's own sentence for a refused call."""
    details = error.response["Error"]
    return f"{details.get('Code')}: {details.get('Message')}"
