"""Errors of a call under the names that Retry and Catch match."""

from __future__ import annotations

import re
import uuid
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from localcloud.workflows.errors import StateError
from localcloud.workflows.integrations.resource import Resource
from localcloud.workflows.integrations.service_names import java_name, service_model

_MISSING = re.compile(r'Missing required parameter in input(?P<path>[\w.\[\]]*): "(?P<name>\w+)"')

# S3 models it for one new operation only: for all others it stays an error of S3's own.
_TOO_NEW = {"AccessDenied"}


def of_client_error(error: ClientError, resource: Resource) -> StateError:
    """`DynamoDB.ConditionalCheckFailedException`, `S3.NoSuchKeyException`, `S3.S3Exception`, …

    An error that the service doesn't model, such as DynamoDB's and SageMaker's
    ValidationException, has the name of the service's own exception.
    """
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code, message = str(details.get("Code", "Unknown")), details.get("Message", "")
    return _named(code, message, resource, metadata)


def _named(code: str, message: str, resource: Resource, metadata: dict[str, Any]) -> StateError:
    name = _modelled(code, resource) or resource.unknown_exception
    call = _call(code, resource, metadata)
    return StateError(f"{resource.exceptions}.{name}", f"{message} ({call})")


def _call(code: str, resource: Resource, metadata: dict[str, Any]) -> str:
    """The call as the SDK for Java that makes it writes it: version 1 or, for `aws-sdk`, 2."""
    status, request_id = metadata.get("HTTPStatusCode", 400), metadata.get("RequestId", "")
    if resource.optimized:
        return (
            f"Service: {resource.optimized.caller}; Status Code: {status}; Error Code: {code}; "
            f"Request ID: {request_id}; Proxy: null"
        )
    service = java_name(service_model(resource.service).service_id)
    call = f"Service: {service}, Status Code: {status}, Request ID: {request_id}"
    if resource.service == "s3":
        return f"{call}, Extended Request ID: {metadata.get('HostId') or request_id}"
    return call


def _modelled(code: str, resource: Resource) -> str | None:
    """The exception's class name in the SDK for Java, when the service models the error.

    Where several have one code, it is that of the operation's own.
    """
    shapes = [*resource.model.error_shapes, *service_model(resource.service).error_shapes]
    for shape in shapes:
        if code in {shape.name, shape.error_code} - _TOO_NEW:
            return _exception_name(shape.name)
    return None


def _exception_name(shape_name: str) -> str:
    if shape_name.endswith("Exception"):
        return shape_name
    return f"{shape_name.removesuffix('Fault')}Exception"


def of_sdk_error(error: BotoCoreError, resource: Resource) -> StateError:
    """An error of the call itself: parameters that don't fit, or no answer.

    A required parameter that isn't there is refused by the service, not before it is called.
    """
    if not isinstance(error, ParamValidationError):
        return StateError(f"{resource.exceptions}.SdkClientException", str(error))
    problems = str(error.kwargs["report"]).splitlines()
    missing = [found for found in map(_MISSING.fullmatch, problems) if found]
    if len(missing) < len(problems):
        return StateError("States.Runtime", f"The parameters don't fit: {error}")
    metadata = {"RequestId": str(uuid.uuid4())}
    if resource.service == "sqs":
        message = f"The request must contain the parameter {missing[0]['name']}."
        return _named("MissingParameter", message, resource, metadata)
    noun = "error" if len(missing) == 1 else "errors"
    listed = "; ".join(
        f"Value null at '{_member(found)}' failed to satisfy constraint: Member must not be null"
        for found in missing
    )
    message = f"{len(missing)} validation {noun} detected: {listed}"
    return _named("ValidationException", message, resource, metadata)


def _member(missing: re.Match[str]) -> str:
    steps = [*missing["path"].split(".")[1:], missing["name"]]
    return ".".join(f"{step[:1].lower()}{step[1:]}" for step in steps)
