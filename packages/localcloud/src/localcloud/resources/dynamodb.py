"""AWS::DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.resources.context import Context, Created, Properties, Provider

# Set by calls of their own after the table is there, or of no meaning for one.
_NOT_OF_THE_TABLE = (
    "TimeToLiveSpecification",
    "PointInTimeRecoverySpecification",
    "ResourcePolicy",
    "Replicas",
    "WriteProvisionedThroughputSettings",
    "ImportSourceSpecification",
)


def table(context: Context, properties: Properties) -> Created:
    settings = properties.without(*_NOT_OF_THE_TABLE)
    recovery = properties.get("PointInTimeRecoverySpecification")
    return _create(context, properties, settings, recovery)


def global_table(context: Context, properties: Properties) -> Created:
    replicas = properties["Replicas"]
    if len(replicas) != 1:
        regions = ", ".join(replica["Region"] for replica in replicas)
        raise ValueError(f"replicas in {regions}: localcloud is one region; give the table one")
    replica = Properties(replicas[0])
    settings = properties.without(*_NOT_OF_THE_TABLE)
    for name in ("DeletionProtectionEnabled", "TableClass", "Tags"):
        if name in replica:
            settings[name] = replica[name]
    if "SSESpecification" in replica and "SSESpecification" in settings:
        key = {"KMSMasterKeyId": replica["SSESpecification"]["KMSMasterKeyId"]}
        settings["SSESpecification"] = {**settings["SSESpecification"], **key}
    _provision(properties, replica, settings)
    recovery = replica.get("PointInTimeRecoverySpecification")
    created = _create(context, properties, settings, recovery)
    unread = {*replica.unread} - {"Region"}
    if all(set(index) <= {"IndexName"} for index in replica.get("GlobalSecondaryIndexes", [])):
        unread.discard("GlobalSecondaryIndexes")  # names an index, sets nothing of it
    context.not_simulated += [f"Replicas[0].{name}" for name in sorted(unread)]
    return created


def _provision(properties: Properties, replica: Properties, settings: dict[str, Any]) -> None:
    """Capacity of a provisioned global table: the lowest that its scaling settings allow."""
    if "WriteProvisionedThroughputSettings" not in properties:
        return
    write = _least(properties["WriteProvisionedThroughputSettings"], "Write")
    read = _least(replica.get("ReadProvisionedThroughputSettings", {}), "Read")
    settings["ProvisionedThroughput"] = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
    for index in settings.get("GlobalSecondaryIndexes", []):
        index["ProvisionedThroughput"] = settings["ProvisionedThroughput"]


def _least(settings: Mapping[str, Any], kind: str) -> int:
    scaling = settings.get(f"{kind}CapacityAutoScalingSettings", {})
    return int(settings.get(f"{kind}CapacityUnits", scaling.get("MinCapacity", 1)))


def _create(
    context: Context,
    properties: Properties,
    settings: dict[str, Any],
    recovery: Mapping[str, Any] | None,
) -> Created:
    name = properties.get("TableName") or context.physical_name(255)
    settings["TableName"] = name
    if "StreamSpecification" in settings:
        stream = settings["StreamSpecification"]
        settings["StreamSpecification"] = {"StreamEnabled": True, **stream}
    if "SSESpecification" in settings:
        encryption = dict(settings["SSESpecification"])
        encryption["Enabled"] = encryption.pop("SSEEnabled", True)
        settings["SSESpecification"] = encryption
    described = context.call("dynamodb", "CreateTable", **settings)["TableDescription"]
    if "TimeToLiveSpecification" in properties:
        ttl = properties["TimeToLiveSpecification"]
        if str(ttl.get("Enabled", True)).lower() == "true":
            context.call(
                "dynamodb", "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=ttl
            )
    if recovery is not None:
        context.call(
            "dynamodb",
            "UpdateContinuousBackups",
            TableName=name,
            PointInTimeRecoverySpecification=recovery,
        )
    return Created(
        name,
        {
            "Arn": described["TableArn"],
            "TableId": described.get("TableId", ""),
            "StreamArn": described.get("LatestStreamArn", ""),
        },
    )


PROVIDERS: Mapping[str, Provider] = {
    "AWS::DynamoDB::Table": table,
    "AWS::DynamoDB::GlobalTable": global_table,
}
