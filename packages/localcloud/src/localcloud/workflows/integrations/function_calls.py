"""Invoking a Lambda function, and its errors as a state sees them."""

from __future__ import annotations

from typing import Any

from localcloud.workflows import json_values
from localcloud.workflows.errors import StateError
from localcloud.workflows.integrations import parameters, responses
from localcloud.workflows.integrations.calls import Caller


def invoke_function(arguments: Any, caller: Caller) -> Any:
    """The result of `arn:aws:lambda:…:function:name`: the payload alone."""
    payload = json_values.to_text(arguments).encode()
    response = caller.call("Invoke", {"FunctionName": caller.resource.arn, "Payload": payload})
    return _payload(response)


def invoke(arguments: Any, caller: Caller) -> dict[str, Any]:
    """The result of `lambda:invoke`: the response with its Payload as JSON."""
    if isinstance(arguments, dict) and arguments.get("Payload") is not None:
        arguments = {**arguments, "Payload": _as_json(arguments["Payload"])}
    call_parameters = parameters.to_botocore(arguments, caller.resource)
    response = caller.call("Invoke", call_parameters)
    payload = _payload(response)
    return {**responses.to_state(response, caller.resource), "Payload": payload}


def _as_json(payload: Any) -> str:
    """The payload's JSON: a text that is JSON goes as it is, any other as a JSON string."""
    if isinstance(payload, str):
        try:
            json_values.from_text(payload)
        except ValueError:
            return json_values.to_text(payload)
        return payload
    return json_values.to_text(payload)


def _payload(response: dict[str, Any]) -> Any:
    text = bytes(response.get("Payload") or b"{}").decode()
    try:
        payload = json_values.from_text(text)
    except ValueError:
        payload = text
    if "FunctionError" in response:
        raise StateError(_error_type(payload), text)
    return payload


def _error_type(payload: Any) -> str:
    name = payload.get("errorType") if isinstance(payload, dict) else None
    return str(name) if name else "Lambda.Unknown"
