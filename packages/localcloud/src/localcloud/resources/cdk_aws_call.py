"""CDK's AwsCustomResource: one call of the AWS API, named as the SDK for JavaScript names it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError, UnknownServiceError

from localcloud.calls import Caller
from localcloud.resources.cdk_role import client_as_handler
from localcloud.resources.context import Context
from localcloud.resources.shapes import fit

_PHYSICAL_ID = "PHYSICAL:RESOURCEID:"
# The SDK for JavaScript's names where botocore has others; all other names are the same.
_SERVICES = {
    "cloudwatchevents": "events",
    "cloudwatch-events": "events",
    "cloudwatchlogs": "logs",
    "cloudwatch-logs": "logs",
    "api-gateway": "apigateway",
    "dynamodb-streams": "dynamodbstreams",
    "eventbridge": "events",
    "secrets-manager": "secretsmanager",
    "sfn": "stepfunctions",
}
Json = Mapping[str, Any]


def aws_call(context: Context, event: Json) -> Json:
    """Carry out `Create`; the answer, flattened, is the resource's data."""
    properties = event["ResourceProperties"]
    calls = {
        kind: json.loads(properties[kind])
        for kind in ("Create", "Update", "Delete")
        if kind in properties
    }
    physical_id = next(
        (
            call["physicalResourceId"]["id"]
            for call in calls.values()
            if "id" in call.get("physicalResourceId", {})
        ),
        event["LogicalResourceId"],
    )
    call = calls.get("Create")
    if call is None:
        return {"PhysicalResourceId": physical_id}
    data = _call(context, event, call, physical_id)
    path = call.get("physicalResourceId", {}).get("responsePath")
    wanted = call.get("outputPaths") or ([call["outputPath"]] if "outputPath" in call else None)
    kept = {
        name: value
        for name, value in data.items()
        if wanted is None or name.startswith(tuple(wanted))
    }
    return {"PhysicalResourceId": data.get(path, physical_id), "Data": kept}


def _call(context: Context, event: Json, call: Json, physical_id: str) -> dict[str, Any]:
    client = _client(context, event, call)
    action = call["action"].removesuffix("Command").lower()
    names = {name.lower(): name for name in client.meta.service_model.operation_names}
    if action not in names:
        raise ValueError(f"{call['service']} has no action {call['action']}")
    operation = names[action]
    shape = client.meta.service_model.operation_model(operation).input_shape
    parameters = _with_physical_id(call.get("parameters", {}), physical_id)
    fitted, unknown = fit(shape, parameters) if shape else ({}, [])
    if unknown:
        raise ValueError(f"{operation} has no parameter {', '.join(unknown)}")
    try:
        answer = getattr(client, xform_name(operation))(**fitted)
    except ClientError as error:
        pattern = call.get("ignoreErrorCodesMatching")
        if pattern and re.search(pattern, error.response["Error"]["Code"]):
            return {}
        raise
    answer.pop("ResponseMetadata", None)
    return dict(_flat(answer, ""))


def _client(context: Context, event: Json, call: Json) -> Any:
    service = call["service"].lower().removeprefix("@aws-sdk/client-")
    service = _SERVICES.get(service, service)
    try:
        if role_arn := call.get("assumedRoleArn"):
            sts = client_as_handler(context, event, "sts")
            sts.assume_role(RoleArn=role_arn, RoleSessionName="AwsCustomResource")
            return context.account.client(service, Caller.role(role_arn, "AwsCustomResource"))
        return client_as_handler(context, event, service)
    except UnknownServiceError:
        raise ValueError(f"{call['service']} is not a service that botocore knows") from None


def _with_physical_id(value: Any, physical_id: str) -> Any:
    if value == _PHYSICAL_ID:
        return physical_id
    if isinstance(value, Mapping):
        return {key: _with_physical_id(item, physical_id) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_physical_id(item, physical_id) for item in value]
    return value


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """An answer's leaves by their dotted paths, as `get_response_field` names them."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat(item, f"{path}.{index}" if path else str(index))
    elif hasattr(value, "read"):
        yield path, value.read().decode(errors="replace")
    elif isinstance(value, bytes):
        yield path, value.decode(errors="replace")
    else:
        yield path, value if isinstance(value, int | float | bool | None) else str(value)
