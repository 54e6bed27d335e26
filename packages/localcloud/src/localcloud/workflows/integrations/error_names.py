"""Errors of a call under the names that Retry and Catch match."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from localcloud.workflows.errors import StateError
from localcloud.workflows.integrations.resource import Resource
from localcloud.workflows.integrations.service_names import java_name, service_model


def of_client_error(error: ClientError, resource: Resource, operation: str) -> StateError:
    """`DynamoDB.ConditionalCheckFailedException`, `S3.NoSuchKeyException`, `S3.S3Exception`, …"""
    details = error.response.get("Error", {})
    code, message = details.get("Code", "Unknown"), details.get("Message", "")
    name = _modelled(code, resource, operation) or resource.unknown_exception
    return StateError(f"{resource.exceptions}.{name}", f"{message} ({_call(error, resource)})")


def _call(error: ClientError, resource: Resource) -> str:
    metadata = error.response.get("ResponseMetadata", {})
    service = java_name(service_model(resource.service).service_id)
    code = error.response.get("Error", {}).get("Code", "Unknown")
    return (
        f"Service: {service}, Status Code: {metadata.get('HTTPStatusCode', 400)}, "
        f"Error Code: {code}, Request ID: {metadata.get('RequestId', '')}"
    )


def _modelled(code: str, resource: Resource, operation: str) -> str | None:
    """The exception's class name in the AWS SDK for Java, when the operation models the error."""
    for shape in service_model(resource.service).operation_model(operation).error_shapes:
        if code in {shape.name, shape.error_code}:
            return _exception_name(shape.name)
    return None


def _exception_name(shape_name: str) -> str:
    if shape_name.endswith("Exception"):
        return shape_name
    return f"{shape_name.removesuffix('Fault')}Exception"


def of_sdk_error(error: BotoCoreError, resource: Resource) -> StateError:
    """An error of the call itself: parameters that don't fit, or no answer."""
    if isinstance(error, ParamValidationError):
        return StateError("States.Runtime", f"The parameters don't fit: {error}")
    return StateError(f"{resource.exceptions}.SdkClientException", str(error))
