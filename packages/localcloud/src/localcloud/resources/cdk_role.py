"""Acting as the function that a custom resource's ServiceToken names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.calls import Caller
from localcloud.resources.context import Context


def function_configuration(context: Context, function_arn: str) -> dict[str, Any]:
    """What Lambda says of a function."""
    return dict(context.client("lambda").get_function_configuration(FunctionName=function_arn))


def client_as_handler(context: Context, event: Mapping[str, Any], service_name: str) -> Any:
    """A client that signs with the role of the event's handler."""
    configuration = function_configuration(context, event["ServiceToken"])
    caller = Caller.role(configuration["Role"], configuration["FunctionName"])
    return context.account.client(service_name, caller)
