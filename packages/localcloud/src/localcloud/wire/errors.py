"""Errors in the shape of the protocol that the client speaks."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from moto.core.model import ServiceModel, StructureShape

from localcloud.calls import ServiceError
from localcloud.wire import cbor
from localcloud.wire.protocol import CBOR, Reply


def error_reply(
    error: ServiceError, model: ServiceModel | None, protocol: str, request_id: str
) -> Reply:
    """The response that makes an SDK raise `error` (as its modeled class where there is one)."""
    shape = _error_shape(model, error.code) if model else None
    headers = {"x-amzn-RequestId": request_id}
    if protocol in ("query", "rest-xml", "ec2"):
        is_s3 = protocol == "rest-xml"
        body = _s3_error(error, request_id) if is_s3 else _query_error(error, shape, request_id)
        headers["Content-Type"] = "application/xml" if is_s3 else "text/xml"
        return Reply(_status(error, shape), headers, body.encode())
    members = {"__type": shape.name if shape else error.code, "message": error.message}
    members |= {"Message": error.message} | error.fields
    headers["x-amzn-ErrorType"] = members["__type"]
    if model and "awsQueryCompatible" in model.metadata:
        fault = "Receiver" if error.status >= 500 else "Sender"
        headers["x-amzn-query-error"] = f"{_query_code(error, shape)};{fault}"
    if protocol == CBOR:
        headers |= {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
        return Reply(_status(error, shape), headers, cbor.encode(members))
    headers["Content-Type"] = "application/json"
    if model and protocol == "json":
        version = model.metadata.get("jsonVersion", "1.0")
        headers["Content-Type"] = f"application/x-amz-json-{version}"
    return Reply(_status(error, shape), headers, json.dumps(members, default=str).encode())


def _status(error: ServiceError, shape: StructureShape | None) -> int:
    # A service that says nothing special (400) means what the model says.
    modeled = shape.metadata.get("error", {}).get("httpStatusCode") if shape else None
    return int(modeled) if modeled and error.status == 400 else error.status


@cache
def _error_shapes(model: ServiceModel) -> dict[str, StructureShape]:
    shapes: dict[str, StructureShape] = {}
    for shape in model.error_shapes:
        shapes[shape.name] = shape
        shapes.setdefault(shape.error_code, shape)
    return shapes


def _error_shape(model: ServiceModel, code: str) -> StructureShape | None:
    return _error_shapes(model).get(code)


def _query_code(error: ServiceError, shape: StructureShape | None) -> str:
    if error.code == "AccessDeniedException" and shape is None:
        return "AccessDenied"
    return str(shape.error_code) if shape else error.code


def _query_error(error: ServiceError, shape: StructureShape | None, request_id: str) -> str:
    fault = "Receiver" if error.status >= 500 else "Sender"
    return (
        f"<ErrorResponse><Error><Type>{fault}</Type><Code>{_query_code(error, shape)}</Code>"
        f"<Message>{escape(error.message)}</Message>{_members(error.fields)}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def _s3_error(error: ServiceError, request_id: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
        f"{_members(error.fields)}<RequestId>{request_id}</RequestId></Error>"
    )


def _members(fields: dict[str, Any]) -> str:
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
