"""A Task's Resource: which operation it calls, and how long it waits for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from botocore.model import OperationModel

from localcloud.workflows.integrations.service_names import (
    botocore_name,
    java_name,
    pascal_name,
    service_model,
)

TASK_TOKEN = "waitForTaskToken"
Kind = Literal["function", "activity", "optimized", "sdk"]

_FUNCTION = re.compile(r"arn:[\w-]+:lambda:[\w-]*:\d*:function:.+")
_SERVICE = re.compile(r"arn:[\w-]+:states:[\w-]*:\d*:(?P<rest>.+)")


@dataclass(frozen=True)
class Optimized:
    """An integration that Step Functions knows by heart.

    `exceptions` is the prefix of its error names, `unknown` the name of an error that the service
    doesn't model, `caller` the service's name in a cause, `json_members` the text members that may
    be given as JSON.
    """

    service: str
    actions: dict[str, frozenset[str]]
    exceptions: str
    unknown: str
    caller: str
    json_members: frozenset[str] = frozenset()


_ONCE = frozenset({""})
_TOKEN = frozenset({"", TASK_TOKEN})
_SYNC = frozenset({"", "sync"})

OPTIMIZED = {
    "lambda": Optimized(
        "lambda",
        {"invoke": _TOKEN},
        "Lambda",
        "AWSLambdaException",
        "AWSLambda",
        frozenset({"Payload"}),
    ),
    "dynamodb": Optimized(
        "dynamodb",
        dict.fromkeys(("getItem", "putItem", "updateItem", "deleteItem"), _ONCE),
        "DynamoDB",
        "AmazonDynamoDBException",
        "AmazonDynamoDBv2",
    ),
    "sqs": Optimized(
        "sqs",
        {"sendMessage": _TOKEN},
        "SQS",
        "AmazonSQSException",
        "AmazonSQS",
        frozenset({"MessageBody"}),
    ),
    "sns": Optimized(
        "sns",
        {"publish": _TOKEN},
        "SNS",
        "AmazonSNSException",
        "AmazonSNS",
        frozenset({"Message"}),
    ),
    "events": Optimized(
        "events",
        {"putEvents": _TOKEN},
        "EventBridge",
        "AmazonEventBridgeException",
        "AmazonEventBridge",
        frozenset({"Detail"}),
    ),
    "states": Optimized(
        "stepfunctions",
        {"startExecution": frozenset({"", "sync", "sync:2", TASK_TOKEN})},
        "StepFunctions",
        "AWSStepFunctionsException",
        "AWSStepFunctions",
        frozenset({"input"}),
    ),
    "sagemaker": Optimized(
        "sagemaker",
        {
            "createTrainingJob": _SYNC,
            "createProcessingJob": _SYNC,
            "createModel": _ONCE,
            "createEndpointConfig": _ONCE,
            "createEndpoint": _ONCE,
            "updateEndpoint": _ONCE,
        },
        "SageMaker",
        "AmazonSageMakerException",
        "AmazonSageMaker",
    ),
}


@dataclass(frozen=True)
class Resource:
    """What a Resource ARN stands for. `service` and `operation` are botocore's names.

    `resource_type` and `action` are the two as the ARN has them, for the history.
    """

    arn: str
    kind: Kind
    service: str
    operation: str
    pattern: str
    resource_type: str
    action: str

    @property
    def model(self) -> OperationModel:
        return service_model(self.service).operation_model(self.operation)

    @property
    def optimized(self) -> Optimized | None:
        return None if self.kind == "sdk" else OPTIMIZED[self.resource_type]

    @property
    def exceptions(self) -> str:
        """The prefix of this integration's error names."""
        if self.optimized:
            return self.optimized.exceptions
        return java_name(service_model(self.service).service_id)

    @property
    def unknown_exception(self) -> str:
        return self.optimized.unknown if self.optimized else f"{self.exceptions}Exception"


@lru_cache(maxsize=1024)
def parse(arn: str) -> Resource:
    """Read a Resource ARN; ValueError says what isn't supported."""
    if _FUNCTION.fullmatch(arn):
        return Resource(arn, "function", "lambda", "Invoke", "", "lambda", "invoke")
    found = _SERVICE.fullmatch(arn)
    if found is None:
        raise ValueError(f"'{arn}' is neither a function's ARN nor arn:aws:states:::service:action")
    if found["rest"].startswith("activity:"):
        return Resource(arn, "activity", "stepfunctions", "GetActivityTask", TASK_TOKEN, "", "")
    if found["rest"].startswith("aws-sdk:"):
        return _sdk(arn, found["rest"])
    return _optimized(arn, found["rest"])


def _optimized(arn: str, rest: str) -> Resource:
    service, _, called = rest.partition(":")
    action, _, pattern = called.partition(".")
    integration = OPTIMIZED.get(service)
    if integration is None or action not in integration.actions:
        raise ValueError(f"'{arn}': the integration {service}:{action} is not supported")
    if pattern not in integration.actions[action]:
        raise ValueError(f"'{arn}': {service}:{action} has no pattern .{pattern}")
    operation = pascal_name(action)
    return Resource(arn, "optimized", integration.service, operation, pattern, service, called)


def _sdk(arn: str, rest: str) -> Resource:
    parts = rest.split(":")
    if len(parts) != 3:
        raise ValueError(f"'{arn}' is not arn:aws:states:::aws-sdk:service:action")
    _, service, called = parts
    action, _, pattern = called.partition(".")
    if pattern not in _TOKEN:
        raise ValueError(f"'{arn}': AWS SDK integrations have no pattern .{pattern}")
    name = botocore_name(service)
    operation = _operation(name, action)
    if operation is None:
        raise ValueError(f"'{arn}': {service} has no action '{action}'")
    resource = Resource(arn, "sdk", name, operation, pattern, f"aws-sdk:{service}", called)
    if resource.model.has_event_stream_input or resource.model.has_event_stream_output:
        raise ValueError(f"'{arn}': actions that stream events are not supported")
    return resource


def _operation(service: str, action: str) -> str | None:
    for name in service_model(service).operation_names:
        # camelCase as the Java SDK writes it, e.g. listObjectsV2, createDbInstance.
        if action[:1].islower() and pascal_name(action) in {name, java_name(name)}:
            return str(name)
    return None
