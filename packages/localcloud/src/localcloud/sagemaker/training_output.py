"""A training job's artefacts: model and output data, packed and uploaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from localcloud.sagemaker.job import JobFailedError
from localcloud.sagemaker.transfer import Transfer, explain, files_below, merged, pack


def upload_outputs(
    config: Mapping[str, str],
    job_name: str,
    folders: Sequence[Path],
    transfer: Transfer,
    with_model: bool,
) -> str | None:
    """Upload what lies in the hosts' /opt/ml folders; the model's S3 URI.

    Everything goes under `S3OutputPath/JOB/output/`: `model.tar.gz` and `output.tar.gz`, or
    folders where the compression type is NONE. JobFailedError when the role may not write there.
    """
    target = f"{config['S3OutputPath'].rstrip('/')}/{job_name}/output"
    is_packed = config.get("CompressionType", "GZIP") == "GZIP"
    upload = _upload_packed if is_packed else _upload_files
    key = config.get("KmsKeyId")
    try:
        data = [folder / "output/data" for folder in folders]
        if any(files_below(folder) for folder in data):
            upload(data, target, "output", transfer, key)
        if not with_model:
            return None
        return upload([folder / "model" for folder in folders], target, "model", transfer, key)
    except (ClientError, S3UploadFailedError) as error:
        raise JobFailedError(f"ClientError: Artifact upload failed: {explain(error)}") from error


def _upload_packed(
    folders: Sequence[Path], target: str, name: str, transfer: Transfer, key: str | None
) -> str:
    archive = folders[0].parent / f"{name}.tar.gz"
    pack(folders, archive)
    transfer.upload(archive, f"{target}/{name}.tar.gz", key)
    return f"{target}/{name}.tar.gz"


def _upload_files(
    folders: Sequence[Path], target: str, name: str, transfer: Transfer, key: str | None
) -> str:
    prefix = f"{target}/{'data' if name == 'output' else name}/"
    uploaded: set[Path] = set()
    for path, relative in merged(folders):
        if relative not in uploaded:
            uploaded.add(relative)
            transfer.upload(path, prefix + relative.as_posix(), key)
    return prefix
