"""What CreateTrainingJob refuses before anything is looked up: members, limits, places."""

from __future__ import annotations

from pathlib import PurePosixPath

from localcloud.calls import Request
from localcloud.sagemaker.hosts import MAX_HOSTS
from localcloud.sagemaker.metrics import check_definitions
from localcloud.sagemaker.naming import (
    check_name,
    refuse_members,
    split_s3_uri,
    validation_error,
)
from localcloud.sagemaker.training_run import instance_groups

_NOT_CARRIED_OUT = ("ServerlessJobConfig", "SessionChainingConfig", "ModelPackageConfig")


def check_request(request: Request) -> None:
    """ValidationException for the first thing that AWS, or this machine, doesn't take."""
    check_name(request["TrainingJobName"], "trainingJobName")
    refuse_members(request, _NOT_CARRIED_OUT, "leave it out")
    for member in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition"):
        if member not in request:
            raise validation_error(f"{member} is required for a training job.")
    algorithm = request["AlgorithmSpecification"]
    if "TrainingImage" not in algorithm:
        raise validation_error(
            "AlgorithmName is not carried out by localcloud: give a TrainingImage."
        )
    if algorithm["TrainingInputMode"] == "Pipe":
        raise validation_error("Pipe mode is not carried out by localcloud: use File.")
    check_definitions(algorithm.get("MetricDefinitions", []))
    _check_places(request)
    _check_resources(request["ResourceConfig"])
    _check_groups(request)
    _check_limits(request)


def _check_places(request: Request) -> None:
    """Where the job writes: S3 prefixes, and a folder of its own for checkpoints."""
    checkpoints = request.get("CheckpointConfig", {})
    places = {"OutputDataConfig.S3OutputPath": request["OutputDataConfig"]["S3OutputPath"]}
    if checkpoints:
        places["CheckpointConfig.S3Uri"] = checkpoints["S3Uri"]
    for member, uri in places.items():
        try:
            split_s3_uri(uri)
        except ValueError as error:
            raise validation_error(f"{member}: {error}") from error
    local = PurePosixPath(checkpoints.get("LocalPath", "/opt/ml/checkpoints"))
    if local.parts[:3] != ("/", "opt", "ml") or ".." in local.parts:
        raise validation_error(f"CheckpointConfig: LocalPath {local} must be under /opt/ml.")


def _check_resources(config: Request) -> None:
    single = [member for member in ("InstanceType", "InstanceCount") if member in config]
    if config.get("InstanceGroups") and single:
        raise validation_error(
            f"ResourceConfig: {' and '.join(single)} can't be given together with InstanceGroups."
        )
    if not config.get("InstanceGroups") and len(single) < 2:
        raise validation_error(
            "ResourceConfig: InstanceType and InstanceCount, or InstanceGroups, are required."
        )
    if not 1 <= sum(count for *_, count in instance_groups(config)) <= MAX_HOSTS:
        raise validation_error(
            f"ResourceConfig: a job has from 1 to {MAX_HOSTS} instances on this machine."
        )


def _check_groups(request: Request) -> None:
    names = [name for name, *_ in instance_groups(request["ResourceConfig"])]
    if len(set(names)) < len(names):
        raise validation_error("ResourceConfig: names of InstanceGroups must be unique.")
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource", {})
        if unknown := set(source.get("InstanceGroupNames", [])) - set(names):
            raise validation_error(
                f"Channel {channel['ChannelName']}: there is no instance group "
                f"{', '.join(sorted(unknown))} in ResourceConfig."
            )


def _check_limits(request: Request) -> None:
    limits = request["StoppingCondition"]
    longest = limits.get("MaxWaitTimeInSeconds")
    runtime = limits.get("MaxRuntimeInSeconds", 86400)
    if not request.get("EnableManagedSpotTraining"):
        if longest is not None:
            raise validation_error(
                "Invalid MaxWaitTimeInSeconds. It is not supported when "
                "EnableManagedSpotTraining is false."
            )
        return
    if longest is None or longest < runtime:
        raise validation_error(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds"
        )
