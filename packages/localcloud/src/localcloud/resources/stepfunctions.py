"""AWS::StepFunctions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localcloud.resources.context import Context, Created, Properties, Provider
from localcloud.resources.shapes import scalar_text


def state_machine(context: Context, properties: Properties) -> Created:
    name = properties.get("StateMachineName") or context.physical_name(80)
    logging = properties.get("LoggingConfiguration")
    arn = context.call(
        "stepfunctions",
        "CreateStateMachine",
        name=name,
        definition=_definition(context, properties),
        roleArn=properties["RoleArn"],
        type=properties.get("StateMachineType"),
        loggingConfiguration=logging,
        tracingConfiguration=properties.get("TracingConfiguration"),
        encryptionConfiguration=properties.get("EncryptionConfiguration"),
        tags=properties.get("Tags"),
    )["stateMachineArn"]
    return Created(arn, {"Arn": arn, "Name": name, "StateMachineRevisionId": "INITIAL"})


def _definition(context: Context, properties: Properties) -> str:
    text = _definition_text(context, properties)
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        text = text.replace("${" + name + "}", scalar_text(value))
    return text


def _definition_text(context: Context, properties: Properties) -> str:
    if "DefinitionString" in properties:
        return str(properties["DefinitionString"])
    if "Definition" in properties:
        return json.dumps(properties["Definition"], ensure_ascii=False)
    location: Mapping[str, Any] = properties["DefinitionS3Location"]
    asset = context.account.assets.file_asset(location["Key"])
    if asset is not None:
        return asset.read_text("utf-8")
    version = {"VersionId": location["Version"]} if "Version" in location else {}
    found = context.client("s3").get_object(
        Bucket=location["Bucket"], Key=location["Key"], **version
    )
    return str(found["Body"].read().decode())


def state_machine_version(context: Context, properties: Properties) -> Created:
    """The revision is the one just created: a deployment here is a start."""
    arn = context.call(
        "stepfunctions",
        "PublishStateMachineVersion",
        stateMachineArn=properties["StateMachineArn"],
        description=properties.get("Description"),
    )["stateMachineVersionArn"]
    return Created(arn, {"Arn": arn})


def state_machine_alias(context: Context, properties: Properties) -> Created:
    arn = context.call(
        "stepfunctions",
        "CreateStateMachineAlias",
        name=properties.get("Name") or context.physical_name(80),
        description=properties.get("Description"),
        routingConfiguration=_routes(properties),
    )["stateMachineAliasArn"]
    return Created(arn, {"Arn": arn})


def _routes(properties: Properties) -> list[dict[str, Any]]:
    """Given, or what a gradual deployment ends with."""
    if "RoutingConfiguration" in properties:
        return list(properties["RoutingConfiguration"])
    version = properties["DeploymentPreference"]["StateMachineVersionArn"]
    return [{"StateMachineVersionArn": version, "Weight": 100}]


def activity(context: Context, properties: Properties) -> Created:
    name = properties.get("Name") or context.physical_name(80)
    arn = context.call("stepfunctions", "CreateActivity", name=name)["activityArn"]
    return Created(arn, {"Arn": arn, "Name": name})


PROVIDERS: Mapping[str, Provider] = {
    "AWS::StepFunctions::Activity": activity,
    "AWS::StepFunctions::StateMachine": state_machine,
    "AWS::StepFunctions::StateMachineAlias": state_machine_alias,
    "AWS::StepFunctions::StateMachineVersion": state_machine_version,
}
