"""A training job's input: its channels in S3, and the files that describe them to the container."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from localcloud.sagemaker.hosts import Host, write_json, write_resource_config
from localcloud.sagemaker.images import Image
from localcloud.sagemaker.job import JobFailedError
from localcloud.sagemaker.naming import split_s3_uri, validation_error
from localcloud.sagemaker.transfer import Transfer, explain

Channel = Mapping[str, Any]


def check_channels(request: Mapping[str, Any], transfer: Transfer, region: str) -> None:
    """Refuse channels that AWS refuses at CreateTrainingJob, and those that can't be read here."""
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    if len(set(names)) < len(names):
        raise validation_error("Channel names of one training job must be unique.")
    for channel in request.get("InputDataConfig", []):
        _check_mode(channel, request)
        _check_objects(channel, request["RoleArn"], transfer, region)


def _check_mode(channel: Channel, request: Mapping[str, Any]) -> None:
    name, source = channel["ChannelName"], channel["DataSource"]
    if "S3DataSource" not in source:
        kinds = ", ".join(source) or "no data source"
        raise validation_error(f"Channel {name}: {kinds} is not read here: use an S3DataSource.")
    mode = channel.get("InputMode", request["AlgorithmSpecification"]["TrainingInputMode"])
    if mode == "Pipe":
        raise validation_error(f"Channel {name}: Pipe mode is not carried out here: use File.")
    if source["S3DataSource"]["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        kind = source["S3DataSource"]["S3DataType"]
        raise validation_error(f"Channel {name}: {kind} is not read here: use S3Prefix.")
    if channel.get("CompressionType", "None") != "None":
        raise validation_error(f"Channel {name}: CompressionType Gzip needs Pipe mode.")


def _check_objects(channel: Channel, role_arn: str, transfer: Transfer, region: str) -> None:
    uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
    try:
        reason = "" if transfer.exists(uri) else "No objects under the prefix"
        bucket = split_s3_uri(uri)[0]
    except ClientError as error:
        reason, bucket = error.response["Error"].get("Message", ""), split_s3_uri(uri)[0]
    except ValueError as error:
        raise validation_error(str(error)) from error
    if reason:
        raise validation_error(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure '
            f"that the bucket exists in the selected region ({region}), that objects exist under "
            f'that S3 prefix, and that the role "{role_arn}" has "s3:ListBucket" permissions on '
            f'bucket "{bucket}". Error message from S3: {reason}'
        )


def write_input_config(
    job: Mapping[str, Any], image: Image, host: Host, hosts: Sequence[Host]
) -> None:
    """The three files under /opt/ml/input/config, as one host sees them."""
    folder = host.opt_ml / "input/config"
    write_resource_config(host, hosts, folder / "resourceconfig.json")
    values = {
        name: image.localise(value, host.opt_ml) if value.startswith("/opt/ml") else value
        for name, value in job.get("HyperParameters", {}).items()
    }
    write_json(folder / "hyperparameters.json", values)
    write_json(
        folder / "inputdataconfig.json",
        {each["ChannelName"]: _channel_config(each) for each in _channels_of(job, host)},
    )


def _channel_config(channel: Channel) -> dict[str, str]:
    source = channel["DataSource"]["S3DataSource"]
    config = {
        "TrainingInputMode": "File",
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    return config | ({"ContentType": channel["ContentType"]} if "ContentType" in channel else {})


def download_channels(
    job: Mapping[str, Any], hosts: Sequence[Host], transfer: Transfer, proceed: Callable[[], None]
) -> None:
    """Every host's channels. JobFailedError when the role or the data does not let them through."""
    try:
        for host in hosts:
            for channel in _channels_of(job, host):
                _download(channel, host, hosts, transfer, proceed)
    except (ClientError, ValueError) as error:
        raise JobFailedError(f"ClientError: Data download failed: {explain(error)}") from error


def _channels_of(job: Mapping[str, Any], host: Host) -> list[Channel]:
    def is_for_host(channel: Channel) -> bool:
        groups = channel["DataSource"]["S3DataSource"].get("InstanceGroupNames")
        return not groups or host.group in groups

    return [channel for channel in job.get("InputDataConfig", []) if is_for_host(channel)]


def _download(
    channel: Channel,
    host: Host,
    hosts: Sequence[Host],
    transfer: Transfer,
    proceed: Callable[[], None],
) -> None:
    source = channel["DataSource"]["S3DataSource"]
    folder = host.opt_ml / "input/data" / channel["ChannelName"]
    folder.mkdir(parents=True, exist_ok=True)
    groups = source.get("InstanceGroupNames")
    sharing = [each for each in hosts if not groups or each.group in groups]
    is_sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
    shard = (sharing.index(host), len(sharing)) if is_sharded else (0, 1)
    proceed()
    if source["S3DataType"] == "ManifestFile":
        transfer.download_manifest(source["S3Uri"], folder, shard)
    else:
        transfer.download_prefix(source["S3Uri"], folder, shard, proceed)
