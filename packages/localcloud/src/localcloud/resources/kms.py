"""AWS::KMS."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider

_AFTERWARDS = ("KeyPolicy", "EnableKeyRotation", "Enabled", "PendingWindowInDays")


def key(context: Context, properties: Properties) -> Created:
    settings = properties.without(*_AFTERWARDS, "RotationPeriodInDays")
    policy = properties.get("KeyPolicy")
    made = context.call("kms", "CreateKey", **settings, Policy=policy)["KeyMetadata"]
    if str(properties.get("EnableKeyRotation", "")).lower() == "true":
        context.call("kms", "EnableKeyRotation", KeyId=made["KeyId"])
    if str(properties.get("Enabled", True)).lower() == "false":
        context.call("kms", "DisableKey", KeyId=made["KeyId"])
    return Created(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})


def alias(context: Context, properties: Properties) -> Created:
    context.call("kms", "CreateAlias", **properties)
    return Created(properties["AliasName"])


PROVIDERS: Mapping[str, Provider] = {"AWS::KMS::Key": key, "AWS::KMS::Alias": alias}
