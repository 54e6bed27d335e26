"""What a call must be allowed before it is carried out: its actions, each on a resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.iam.demand import EVERYTHING, Demand, Parameters, Place
from localcloud.iam.dynamodb_actions import dynamodb_demands
from localcloud.iam.resources import event_bus, resource
from localcloud.iam.s3_actions import s3_demands

_PREFIXES = {
    "bedrock-runtime": "bedrock",
    "dynamodbstreams": "dynamodb",
    "sagemaker-runtime": "sagemaker",
    "stepfunctions": "states",
}
_NAMES = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeAsync"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
    ("lambda", "GetLayerVersionByArn"): "GetLayerVersion",
    ("sagemaker-runtime", "InvokeEndpointWithResponseStream"): "InvokeEndpoint",
    ("s3", "ListObjects"): "ListBucket",
    ("s3", "ListObjectsV2"): "ListBucket",
    ("sqs", "SendMessageBatch"): "SendMessage",
    ("sqs", "DeleteMessageBatch"): "DeleteMessage",
    ("sqs", "ChangeMessageVisibilityBatch"): "ChangeMessageVisibility",
    ("sns", "PublishBatch"): "Publish",
    ("secretsmanager", "BatchGetSecretValue"): "BatchGetSecretValue",
}
# Members that name several resources, each of which is checked as this member would name it.
_EACH = {
    ("ssm", "GetParameters"): ("Names", "Name"),
    ("ssm", "DeleteParameters"): ("Names", "Name"),
    ("cloudwatch", "DeleteAlarms"): ("AlarmNames", "AlarmName"),
    ("cloudwatch", "EnableAlarmActions"): ("AlarmNames", "AlarmName"),
    ("cloudwatch", "DisableAlarmActions"): ("AlarmNames", "AlarmName"),
}
# Nobody needs a permission to ask who they are.
_FREE = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
_ROLE_MEMBERS = {
    "role",
    "rolearn",
    "executionrolearn",
    "credentials",
    "authorizercredentials",
    "iamrolearn",
    "invocationrole",
}
_PASSING = ("Create", "Update", "Put", "Register", "Start", "Import", "Add")
_SERVICE_PRINCIPALS = {"stepfunctions": "states", "cloudwatch": "cloudwatch"}


def demands(service: str, operation: str, parameters: Parameters, place: Place) -> list[Demand]:
    """Everything that must be allowed for one call; nothing where nobody may be refused."""
    if (service, operation) in _FREE:
        return []
    return [
        *_own_demands(service, operation, parameters, place),
        *_passed_roles(service, operation, parameters),
    ]


def _own_demands(
    service: str, operation: str, parameters: Parameters, place: Place
) -> list[Demand]:
    if service == "s3":
        return s3_demands(operation, parameters)
    if service == "dynamodb":
        return dynamodb_demands(operation, parameters, place)
    if service == "events" and operation == "PutEvents":
        return _put_events(parameters, place)
    if service == "apigateway":
        return [Demand("apigateway:*", EVERYTHING)]  # Replaced by its method and path.
    names, name = _EACH.get((service, operation), ("", ""))
    if names in parameters:
        return [
            Demand(f"{service}:{operation}", resource(service, operation, {name: one}, place))
            for one in parameters[names]
        ]
    own = Demand(action_name(service, operation), resource(service, operation, parameters, place))
    if operation == "AssumeRole" and parameters.get("Tags"):
        return [own, Demand("sts:TagSession", own.resource)]
    return [own]


def action_name(service: str, operation: str) -> str:
    """The action that an operation is, where it is one: `lambda:InvokeFunction`."""
    name = _NAMES.get((service, operation), operation)
    return f"{_PREFIXES.get(service, service)}:{name}"


def api_gateway_demand(method: str, path: str, place: Place) -> Demand:
    """API Gateway's own API is permitted by HTTP method and path."""
    return Demand(f"apigateway:{method}", f"arn:aws:apigateway:{place.region}::{path}")


def _put_events(parameters: Parameters, place: Place) -> list[Demand]:
    return [
        Demand(
            "events:PutEvents",
            event_bus(entry.get("EventBusName"), place),
            {
                "events:source": str(entry.get("Source", "")),
                "events:detail-type": str(entry.get("DetailType", "")),
            },
        )
        for entry in parameters.get("Entries", [])
    ]


def _passed_roles(service: str, operation: str, parameters: Parameters) -> list[Demand]:
    if service in ("iam", "sts") or not operation.startswith(_PASSING):
        return []
    to = f"{_SERVICE_PRINCIPALS.get(service, _PREFIXES.get(service, service))}.amazonaws.com"
    roles = dict.fromkeys(_roles(parameters))
    return [Demand("iam:PassRole", role, {"iam:passedtoservice": to}) for role in roles]


def _roles(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            is_role = isinstance(item, str) and name.lower() in _ROLE_MEMBERS
            if is_role and ":role/" in item and item.startswith("arn:"):
                yield item
            elif not isinstance(item, str):
                yield from _roles(item)
    elif isinstance(value, list):
        for item in value:
            yield from _roles(item)
