"""A function's code on disk: inline text, a zip, an assembly's asset or an object of the cloud."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localcloud.account import Account
from localcloud.calls import ServiceError

_MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
_INLINE_FOLDER = Path(__file__).parent / "inline"


@dataclass(frozen=True)
class Code:
    """A folder of code, with its size in bytes and hash as Lambda's API states them."""

    folder: Path
    size: int
    sha256: str


def fetch_code(account: Account, source: dict[str, Any], destination: Path, runtime: str) -> Code:
    """The code that `source` (the API's Code or Content member) names.

    An asset of the assembly is used where it lies; everything else is laid out in `destination`.
    """
    if "ZipFile" in source:
        content = bytes(source["ZipFile"])
        return (_inline if _is_text(content) else _unzip)(content, destination, runtime)
    bucket, key = source.get("S3Bucket"), source.get("S3Key")
    if not bucket or not key:
        raise _invalid("the code must be a ZipFile, or S3Bucket and S3Key")
    asset = account.assets.file_asset(key)
    if asset is None:
        return _unzip(_object(account, source), destination)
    if asset.is_dir():
        return _folder(asset)
    return _unzip(asset.read_bytes(), destination)


def _inline(text: bytes, destination: Path, runtime: str) -> Code:
    destination.mkdir(parents=True)
    name = "index.py" if runtime.startswith("python") else "index.js"
    (destination / name).write_bytes(text)
    # Inline code finds AWS's module for custom resources beside it.
    module = "cfnresponse.py" if name == "index.py" else "cfn-response.js"
    shutil.copy(_INLINE_FOLDER / module, destination)
    return Code(destination, len(text), _sha256(text))


def _is_text(content: bytes) -> bool:
    try:
        return b"\0" not in content and bool(content.decode())
    except UnicodeDecodeError:
        return False


def _unzip(content: bytes, destination: Path, _runtime: str = "") -> Code:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > _MAX_UNZIPPED_BYTES:
                raise _invalid("Unzipped size must be smaller than 262144000 bytes")
            destination.mkdir(parents=True)
            for member in members:
                _extract(archive, member, destination)
    except zipfile.BadZipFile as error:
        raise _invalid("Could not unzip uploaded file. Please check your file, then try") from error
    return Code(destination, len(content), _sha256(content))


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, destination: Path) -> None:
    # zipfile keeps paths inside the destination but drops the files' modes.
    path = Path(archive.extract(member, destination))
    mode = stat.S_IMODE(member.external_attr >> 16)
    if mode and path.is_file():
        path.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)


def _folder(folder: Path) -> Code:
    digest, size = hashlib.sha256(), 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(content := path.read_bytes())
        size += len(content)
    return Code(folder, size, base64.b64encode(digest.digest()).decode())


def _object(account: Account, source: dict[str, Any]) -> bytes:
    request = {"Bucket": source["S3Bucket"], "Key": source["S3Key"]}
    if version := source.get("S3ObjectVersion"):
        request["VersionId"] = version
    try:
        content: bytes = account.client("s3").get_object(**request)["Body"].read()
    except ClientError as error:
        message = error.response["Error"]["Message"]
        raise _invalid(
            f"Error occurred while GetObject s3://{request['Bucket']}/{request['Key']}: {message}"
        ) from error
    return content


def _sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", message)
