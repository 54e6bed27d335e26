"""Scheduler's universal targets: any operation of AWS.

Their ARN is `arn:aws:scheduler:::aws-sdk:service:action`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, OperationNotFoundError

from localcloud.account import Account
from localcloud.calls import Caller

_PREFIX = "arn:aws:scheduler:::aws-sdk:"
_READING = ("get", "describe", "list", "poll", "receive", "search", "scan", "query", "select")
# The SDK for Java's names, where botocore's differ.
_CLIENT_NAMES = {
    "applicationautoscaling": "application-autoscaling",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sagemakerruntime": "sagemaker-runtime",
    "sfn": "stepfunctions",
}


def is_universal(arn: str) -> bool:
    return arn.startswith(_PREFIX)


def check_universal(target: dict[str, Any]) -> None:
    """ValueError where a universal target names no operation, or has no JSON object as input."""
    operation = _operation(target["Arn"])
    _parameters(operation, target.get("Input", "{}"))


def call(account: Account, caller: Caller, target: dict[str, Any]) -> None:
    """Make the call of a universal target as `caller`."""
    operation = _operation(target["Arn"])
    client = account.client(str(operation.service_model.service_name), caller)
    parameters = _parameters(operation, target.get("Input", "{}"))
    getattr(client, xform_name(str(operation.name)))(**parameters)


@cache
def _operation(arn: str) -> OperationModel:
    service, _, action = arn.removeprefix(_PREFIX).partition(":")
    if action.lower().startswith(_READING):
        raise ValueError(f"{arn}: Scheduler doesn't call operations that only read")
    name = _CLIENT_NAMES.get(service, service)
    try:
        model = botocore.session.get_session().get_service_model(name)
        return model.operation_model(action[:1].upper() + action[1:])
    except (UnknownServiceError, OperationNotFoundError) as error:
        raise ValueError(f"{arn} names no operation of an AWS service: {error}") from error


def _parameters(operation: OperationModel, text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"Input isn't JSON: {error}") from error
    if not isinstance(given, dict):
        raise ValueError("Input must be a JSON object: the operation's parameters")
    # Scheduler writes members with a capital, whatever the service itself does.
    by_capital: dict[str, str] = {}
    for name in operation.input_shape.members if operation.input_shape else ():
        by_capital[str(name)[:1].upper() + str(name)[1:]] = str(name)
    return {by_capital.get(str(name), str(name)): value for name, value in given.items()}
