"""A model's data: what lies where under its container's /opt/ml, as CreateModel names it in S3."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localcloud.sagemaker.naming import refuse_members, split_s3_uri, validation_error
from localcloud.sagemaker.transfer import Transfer, unpack

MODEL = "model"
ADDITIONAL = "additional-model-data-sources"


@dataclass(frozen=True)
class ModelData:
    """One source. `folder` is relative to /opt/ml.

    `is_archive` tells a .tar.gz from a prefix (or an object) that is taken as it lies.
    """

    uri: str
    folder: str = MODEL
    is_archive: bool = True

    def check(self, transfer: Transfer, role_arn: str, region: str) -> None:
        """Refuse what isn't there, or what the model's role may not read."""
        try:
            look = transfer.has_object if self.is_archive else transfer.exists
            exists = look(self.uri)
        except ValueError as error:
            raise validation_error(str(error)) from error
        except ClientError as error:
            raise validation_error(
                f"Could not access model data at {self.uri}. Please ensure that the role "
                f'"{role_arn}" exists and that its trust relationship policy allows the '
                'action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". '
                'Also ensure that the role has "s3:GetObject" permissions and that '
                f"the object is located in {region}. Error message from S3: "
                f"{error.response['Error'].get('Message')}"
            ) from error
        if not exists:
            raise validation_error(f"Could not find model data at {self.uri}.")

    def load(self, transfer: Transfer, opt_ml: Path) -> None:
        """Lay the data below `opt_ml`. ClientError where S3 refuses it, ValueError if broken."""
        folder = opt_ml / self.folder
        folder.mkdir(parents=True, exist_ok=True)
        if not self.is_archive:
            transfer.download_prefix(self.uri, folder)
            return
        archive = folder.with_name(f"{folder.name}.tar.gz")
        transfer.download(*split_s3_uri(self.uri), archive)
        unpack(archive, folder)
        archive.unlink()


def model_data(container: dict[str, Any]) -> tuple[ModelData, ...]:
    """All the data of a container definition: the model's own, and one for each channel."""
    channels = container.get("AdditionalModelDataSources", [])
    names = [one["ChannelName"] for one in channels]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise validation_error(
            f"AdditionalModelDataSources: the ChannelName {twice[0]} is given more than once."
        )
    return (
        *_own_data(container),
        *(_from_s3(one["S3DataSource"], f"{ADDITIONAL}/{one['ChannelName']}") for one in channels),
    )


def _own_data(container: dict[str, Any]) -> list[ModelData]:
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        return [_from_s3(source, MODEL)]
    url = container.get("ModelDataUrl")
    return [ModelData(url)] if url else []


def _from_s3(source: dict[str, Any], folder: str) -> ModelData:
    refuse_members(
        source,
        ("ModelAccessConfig", "HubAccessConfig", "ManifestS3Uri", "ManifestEtag", "ETag"),
        "name the data by S3Uri alone",
    )
    uri, is_archive = source["S3Uri"], source["CompressionType"] == "Gzip"
    if source["S3DataType"] == "S3Prefix" and is_archive:
        raise validation_error(f"{uri}: CompressionType Gzip needs S3DataType S3Object.")
    if source["S3DataType"] == "S3Prefix" and not uri.endswith("/"):
        raise validation_error(f"{uri}: an S3Uri of S3DataType S3Prefix has to end with a slash.")
    return ModelData(uri, folder, is_archive)
