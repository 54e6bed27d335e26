"""Custom resources: a Lambda function creates them, or Python does in place of CDK's own.

Protocol: AWS CloudFormation User Guide, "Custom resource request types" and "response objects".
"""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.resources.cdk_handlers import Handler, native_handler
from localcloud.resources.context import Context, Created, Properties
from localcloud.resources.shapes import scalar_text

# CloudFormation's own default.
_DEFAULT_TIMEOUT_SECONDS = 3600.0
Json = dict[str, Any]


class CustomResourceError(ValueError):
    """A custom resource whose handler failed, or never answered."""


def custom_resource(context: Context, properties: Properties) -> Created:
    """Create a custom resource through its ServiceToken. ValueError where it fails."""
    token = str(properties["ServiceToken"])
    given = properties.without("ServiceTimeout")
    event = _event(context, token, given)
    timeout = float(properties.get("ServiceTimeout", _DEFAULT_TIMEOUT_SECONDS))
    if handler := native_handler(context, token):
        response = _answered(handler, context, event)
    elif ":lambda:" in token:
        response = _invoke(context, token, event, timeout)
    else:
        raise CustomResourceError(
            f"ServiceToken {token}: localcloud sends events to Lambda functions; "
            "give the custom resource a function's ARN"
        )
    if response["Status"] != "SUCCESS":
        raise CustomResourceError(
            f"its handler failed: {response.get('Reason', 'no reason given')}"
        )
    physical_id = str(response.get("PhysicalResourceId") or event["LogicalResourceId"])
    return Created(physical_id, response.get("Data") or {})


def _event(context: Context, token: str, properties: Mapping[str, Any]) -> Json:
    return {
        "RequestType": "Create",
        "ServiceToken": token,
        "StackId": context.stack_id,
        "RequestId": str(uuid.uuid4()),
        "LogicalResourceId": context.logical_id,
        "ResourceType": context.resource_type,
        "ResourceProperties": as_strings(properties),
    }


def as_strings(value: Any) -> Any:
    """Properties as CloudFormation hands them to a function: every scalar is a string."""
    if isinstance(value, Mapping):
        return {key: as_strings(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_strings(item) for item in value]
    return value if value is None else scalar_text(value)


def _answered(handler: Handler, context: Context, event: Json) -> Mapping[str, Any]:
    try:
        return {"Status": "SUCCESS", **handler(context, event)}
    except ClientError as error:
        detail = error.response["Error"]
        return {"Status": "FAILED", "Reason": f"{detail['Code']}: {detail['Message']}"}


def _invoke(context: Context, token: str, event: Json, timeout: float) -> Mapping[str, Any]:
    responses = context.deployer.responses
    answer = responses.expect()
    address = f"{context.account.endpoint_url}/_localcloud/cfn-response/{answer}"
    call = threading.Thread(
        target=_call_function,
        args=(context, token, {**event, "ResponseURL": address}, answer),
        name=f"custom-resource-{context.logical_id}",
        daemon=True,
    )
    call.start()
    try:
        response = responses.wait(answer, timeout)
    finally:
        responses.forget(answer)
    if response is None:
        raise CustomResourceError(f"its function {token} has not answered in {timeout:.0f} seconds")
    return response


def _call_function(context: Context, token: str, event: Json, answer: str) -> None:
    """Invoke the function; one that breaks before it answers is answered for at once."""
    payload = json.dumps(event).encode()
    try:
        reply = context.client("lambda").invoke(FunctionName=token, Payload=payload)
        if "FunctionError" not in reply:
            return
        reason = reply["Payload"].read().decode(errors="replace")
    except (ClientError, BotoCoreError) as error:
        reason = str(error)
    failed = {"Status": "FAILED", "Reason": f"its function failed: {reason}"}
    # Where the function answered before it broke, that answer was first and counts.
    with contextlib.suppress(ValueError):
        context.deployer.responses.receive(answer, json.dumps(failed).encode())
