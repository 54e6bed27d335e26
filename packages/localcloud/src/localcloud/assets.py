"""The assets of a CDK assembly: files for S3 and images for ECR, as they lie on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

# Zip can't hold earlier dates, and a fixed one makes the same folder the same archive.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class FileAsset:
    """A file or folder that `cdk deploy` would upload to the bootstrap bucket."""

    asset_hash: str
    path: Path
    packaging: str
    bucket_name: str
    object_key: str

    def read(self) -> bytes:
        """The S3 object's content: the file itself, or the folder as a zip archive."""
        if not self.path.is_dir():
            return self.path.read_bytes()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(self.path.rglob("*")):
                if file.is_file():
                    archive.writestr(_zip_entry(file, self.path), file.read_bytes())
        return buffer.getvalue()


@dataclass(frozen=True)
class ImageAsset:
    """A folder with a Dockerfile that `cdk deploy` would build and push to ECR."""

    asset_hash: str
    directory: Path
    docker_file: str
    build_args: Mapping[str, str]
    target: str | None
    repository_name: str
    image_tag: str


class Assets(Protocol):
    """The assets that services may find where a deployment would have uploaded them."""

    def file_asset(self, object_key: str) -> Path | None:
        """The file or folder behind an S3 key of the bootstrap bucket; None when it isn't one."""

    def image_asset(self, image_uri: str) -> ImageAsset | None:
        """The image asset that an ECR image URI (`…/repository:tag`) names; None when none."""


class NoAssets:
    """Nothing was deployed."""

    def file_asset(self, object_key: str) -> Path | None:
        return None

    def image_asset(self, image_uri: str) -> ImageAsset | None:
        return None


def _zip_entry(file: Path, root: Path) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), _ZIP_EPOCH)
    entry.external_attr = (file.stat().st_mode & 0xFFFF) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def file_assets(manifest: Mapping[str, Any], directory: Path) -> list[FileAsset]:
    """The file assets of one `<stack>.assets.json`, one for each destination.

    ValueError where a file is missing or has to be made by a command first.
    """
    return [
        FileAsset(
            asset_hash,
            _existing(directory, asset_hash, asset["source"]),
            asset["source"].get("packaging", "file"),
            destination["bucketName"],
            destination["objectKey"],
        )
        for asset_hash, asset in manifest.get("files", {}).items()
        for destination in asset["destinations"].values()
    ]


def _existing(directory: Path, asset_hash: str, source: Mapping[str, Any]) -> Path:
    if "path" not in source:
        raise ValueError(
            f"asset {asset_hash} is made by the command {source.get('executable')}: "
            "localcloud takes only assets that lie in the assembly's folder"
        )
    path: Path = directory / source["path"]
    if not path.exists():
        raise ValueError(f"asset {asset_hash} is missing: {path} does not exist; synthesize again")
    return path


def image_assets(manifest: Mapping[str, Any], directory: Path) -> list[ImageAsset]:
    """The Docker image assets of one `<stack>.assets.json`, one for each destination."""
    return [
        ImageAsset(
            asset_hash,
            _existing(directory, asset_hash, {"path": asset["source"].get("directory", "?")}),
            asset["source"].get("dockerFile", "Dockerfile"),
            asset["source"].get("dockerBuildArgs", {}),
            asset["source"].get("dockerBuildTarget"),
            destination["repositoryName"],
            destination["imageTag"],
        )
        for asset_hash, asset in manifest.get("dockerImages", {}).items()
        for destination in asset["destinations"].values()
    ]
