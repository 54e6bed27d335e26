"""S3 to and from a job's folders, with the job's own execution role."""

from __future__ import annotations

import errno
import gzip
import json
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

_NAMES_NO_FILE_TAKES = (
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.EINVAL, errno.EILSEQ),
)
_MAX_SHOWN_CHARACTERS = 200


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

        `proceed` is called before each object and may raise to leave off. ValueError, before the
        first object, where files can't lie as the keys say.
        """
        bucket, prefix = split_s3_uri(uri)
        base = prefix if prefix.endswith("/") else prefix.rpartition("/")[0]
        keys = self.keys(uri)
        if not prefix.endswith("/"):
            # `s3://bucket/data` names the folder data/ or the one object data.
            inside = [key for key in keys if key.startswith(f"{prefix}/")]
            base = prefix if prefix and inside and inside == keys else base
        named = [
            (key, key[len(base) :].lstrip("/") if base else key)
            for key in keys[shard[0] :: shard[1]]
        ]
        for path, key in _files_of(named, folder).items():
            proceed()
            self.download(bucket, key, path)

    def download_manifest(self, uri: str, folder: Path, shard: tuple[int, int] = (0, 1)) -> None:
        """The objects that a SageMaker ManifestFile names: [{"prefix": …}, "key", …]."""
        bucket, key = split_s3_uri(uri)
        content = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        prefix_uri, names = _read_manifest(content, uri)
        source_bucket, prefix = split_s3_uri(prefix_uri)
        named = [(prefix + relative, relative) for relative in names[shard[0] :: shard[1]]]
        for path, key in _files_of(named, folder).items():
            self.download(source_bucket, key, path)

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


def _files_of(named: Iterable[tuple[str, str]], folder: Path) -> dict[Path, str]:
    """The key of each file, of keys with their paths relative to the folder.

    ValueError where a key leads out of the folder, where two are one path (`a//b` and `a/b`: one
    would hide the other), and where one is the folder of another, which S3 allows.
    """
    files: dict[Path, str] = {}
    for key, relative in named:
        if ".." in PurePosixPath(relative).parts:
            raise ValueError(f"the S3 key {_shown(key)} leads out of its folder: rename the object")
        path = folder / relative.lstrip("/")
        if path == folder:
            raise ValueError(f"the S3 key {_shown(key)} can't be a file's name: rename the object")
        if (other := files.setdefault(path, key)) != key:
            both = f"{_shown(other)} and {_shown(key)}"
            raise ValueError(f"the S3 keys {both} are one file: rename an object")
    for path, key in files.items():
        for parent in path.parents:
            if parent in files:
                raise ValueError(
                    f"the S3 key {_shown(files[parent])} can't be a file's name, as it is also the "
                    f"folder of {_shown(key)}: rename the object"
                )
    return files


def _shown(key: str) -> str:
    """A key in one line, of which a long one loses its middle."""
    if len(key) > _MAX_SHOWN_CHARACTERS:
        half = _MAX_SHOWN_CHARACTERS // 2
        key = f"{key[:half]}…{key[-half:]}"
    return key if key.isprintable() else repr(key)


def _file_for(key: str, path: Path) -> BinaryIO:
    """A new file of the object `key`; ValueError where its name is the reason that there is none.

    A part of it has more than 255 bytes, or it has a byte of 0.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in _NAMES_NO_FILE_TAKES:
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(
            f"the S3 key {_shown(key)} can't be a file's name ({reason}): rename the object"
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


def explain(error: Exception) -> str:
    """AWS's own sentence for a refused call; what any other error says of itself."""
    if not isinstance(error, ClientError):
        return str(error)
    details = error.response["Error"]
    return f"{details.get('Code')}: {details.get('Message')}"
