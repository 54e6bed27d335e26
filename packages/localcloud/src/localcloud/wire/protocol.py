"""AWS's wire protocols: an HTTP request to an operation and its parameters, a result to HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.compat import HTTPHeaders
from botocore.model import OperationNotFoundError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.utils import parse_timestamp, percent_encode_sequence
from moto.core.eventstream import EventStream, EventStreamEncoder
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import JSONParser, QueryParser, RequestParserError, RestJSONParser
from moto.core.parse import RestXMLParser as MotoRestXMLParser
from moto.core.request import Request as WireRequest
from moto.core.routing import get_router_class
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from localcloud.calls import ServiceError
from localcloud.wire import cbor

CBOR = "smithy-rpc-v2-cbor"
# What a body that is none of its protocol's ends in: RecursionError where it nests without end.
_UNREADABLE = (
    RequestParserError, ValueError, TypeError, AttributeError, LookupError, RecursionError
)  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """An HTTP response: status, headers, and a body of bytes or an iterator of them."""

    status: int
    headers: dict[str, str]
    body: bytes | Iterable[bytes]


@dataclass(frozen=True)
class Call:
    """One operation that a client asks for, with its parameters in the model's own names."""

    model: OperationModel
    protocol: str
    parameters: dict[str, Any]

    @property
    def operation(self) -> str:
        return str(self.model.name)


def detect_protocol(model: ServiceModel, request: WireRequest) -> str:
    """The protocol a request to this service speaks; several services speak more than one."""
    if request.headers.get("Smithy-Protocol") == "rpc-v2-cbor":
        return CBOR
    own = str(model.protocol)
    content_type = request.content_type or ""
    if own.startswith("rest-"):
        return own
    if content_type.startswith("application/x-amz-json"):
        return "json"
    if content_type.startswith("application/x-www-form-urlencoded") or "Action" in request.args:
        return "query"
    return "json" if own == CBOR else own


def parse(model: ServiceModel, protocol: str, request: WireRequest) -> Call:
    """The operation and its parameters, checked against the service's model.

    Raises ServiceError: UnknownOperationException, SerializationException or ValidationException.
    """
    operation, uri_params = _match(model, protocol, request)
    try:
        parameters = _parameters(operation, protocol, request, uri_params)
    except _UNREADABLE as error:
        raise ServiceError("SerializationException", f"can't read the request: {error}") from error
    return Call(operation, protocol, parameters)


def _match(
    model: ServiceModel, protocol: str, request: WireRequest
) -> tuple[OperationModel, dict[str, Any]]:
    try:
        if protocol == CBOR:
            return model.operation_model(request.path.rpartition("/")[2]), {}
        return _router(model, protocol).match(request)  # type: ignore[no-any-return]
    except (NotFound, OperationNotFoundError) as error:
        asked = request.headers.get("X-Amz-Target") or request.values.get("Action")
        asked = asked or f"{request.method} {request.path}"
        code = "InvalidAction" if protocol == "query" else "UnknownOperationException"
        message = f"{model.service_name} has no operation {asked}"
        raise ServiceError(code, message, 404 if protocol.startswith("rest") else 400) from error


@cache
def _router(model: ServiceModel, protocol: str) -> Any:
    router = get_router_class(str(model.service_name), protocol)
    assert router is not None, protocol
    return router(model)


def _aware_timestamp(value: Any) -> datetime:
    parsed: datetime = parse_timestamp(value)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


class _StrictJSON:
    """Refuses a body that isn't a JSON object, where moto takes it for an error's text."""

    def _parse_body_as_json(self, body: bytes) -> dict[str, Any]:
        value = json.loads(body) if body else {}
        if not isinstance(value, dict):
            raise ValueError("the body isn't a JSON object")
        return value

    def _parse_string(self, shape: Any, value: Any) -> Any:
        parent = getattr(super(), "_parse_string", None)
        return parent(shape, value) if parent else value

    def _parse_boolean(self, shape: Any, value: Any) -> Any:
        return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


class _JSONParser(_StrictJSON, JSONParser):
    def _parse_boolean(self, shape: Any, value: Any) -> Any:
        return value


class _RestJSONParser(_StrictJSON, RestJSONParser):
    pass


_PARSERS = {
    "json": _JSONParser,
    "query": QueryParser,
    "rest-json": _RestJSONParser,
    "rest-xml": MotoRestXMLParser,
}


def _parameters(
    operation: OperationModel, protocol: str, request: WireRequest, uri_params: dict[str, Any]
) -> dict[str, Any]:
    if protocol == CBOR:
        return cbor.decode(request.data) if request.data else {}
    parser = _PARSERS[protocol](operation, timestamp_parser=_aware_timestamp)
    parsed = parser.parse(
        {
            "method": request.method,
            "values": request.values if protocol == "query" else request.args,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": uri_params,
        }
    )
    if protocol.startswith("rest"):
        _mend_rest(operation, request, parsed)
    return parsed or {}


def _mend_rest(operation: OperationModel, request: WireRequest, parsed: dict[str, Any]) -> None:
    shape = operation.input_shape
    if shape is None:
        return
    for name, member in shape.members.items():
        # An absent list or map of the query string or headers isn't an empty one.
        is_apart = member.serialization.get("location") in ("querystring", "headers")
        if is_apart and parsed.get(name) in ([], {}):
            del parsed[name]
    payload = shape.serialization.get("payload")
    if payload and shape.members[payload].type_name == "blob" and payload in shape.required_members:
        parsed.setdefault(payload, b"")


def reply(call: Call, result: dict[str, Any], request_id: str) -> Reply:
    """The HTTP response that carries an operation's result."""
    headers = {"x-amzn-RequestId": request_id}
    output = call.model.output_shape
    if call.protocol == CBOR:
        headers |= {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
        return Reply(200, headers, cbor.encode(result if output is not None else {}))
    serializer = _serializer(call, request_id)
    if call.model.has_event_stream_output:
        headers |= _header_members(serializer, call, result)
        headers["Content-Type"] = "application/vnd.amazon.eventstream"
        return Reply(200, headers, _events(serializer, call, result))
    payload = _blob_payload(call)
    body = result.get(payload) if payload else None
    serialized = serializer.serialize(result | {payload: b""} if payload else result)
    headers |= serialized["headers"]
    if payload:
        headers.setdefault("Content-Type", "application/octet-stream")
    status = _status(call, result, serialized["status_code"])
    return Reply(status, headers, _bytes(body if payload else serialized["body"]))


def _blob_payload(call: Call) -> str | None:
    """The member that is the whole body as it is, where the output has one."""
    output = call.model.output_shape
    name = output.serialization.get("payload") if output is not None else None
    is_blob = name is not None and output.members[name].type_name == "blob"
    return name if is_blob else None


def _serializer(call: Call, request_id: str) -> Any:
    kind = get_serializer_class(str(call.model.service_model.service_name), call.protocol)
    return kind(call.model, context=SerializationContext(request_id))


def _bytes(body: str | bytes | Iterable[bytes] | None) -> bytes | Iterable[bytes]:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else body


def _status(call: Call, result: dict[str, Any], default: int) -> int:
    """The status, from the member that carries it where the output has one (Lambda's Invoke)."""
    output = call.model.output_shape
    for name, member in output.members.items() if output is not None else ():
        if member.serialization.get("location") == "statusCode" and result.get(name):
            return int(result[name])
    return default


def _header_members(serializer: Any, call: Call, result: dict[str, Any]) -> dict[str, str]:
    if not call.protocol.startswith("rest"):
        return {}
    output = call.model.output_shape
    serialized: dict[str, Any] = {"headers": {}, "body": {}}
    rest = {name: value for name, value in result.items() if name != output.event_stream_name}
    serializer._serialize(serialized, rest, output, "")
    headers: dict[str, str] = serialized["headers"]
    return headers


def _events(serializer: Any, call: Call, result: dict[str, Any]) -> Iterator[bytes]:
    encoder = EventStreamEncoder()
    stream = EventStream(result, call.model.output_shape, serializer._event_stream_serializer)
    source: Any = result.get(call.model.output_shape.event_stream_name)
    try:
        for event in stream:
            yield encoder.encode_event(event)
    except ServiceError as error:
        # Once the stream runs, an error can only be told inside of it.
        headers = {":message-type": "exception", ":exception-type": error.code}
        headers[":content-type"] = "application/json"
        body = json.dumps({"Message": error.message, **error.fields}).encode()
        yield encoder.encode_message(headers, body)
    finally:
        if hasattr(source, "close"):
            source.close()


def read_result(call: Call, response: Reply) -> dict[str, Any]:
    """The members of a response's output shape. ServiceError where it carries an error."""
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    payload = _blob_payload(call) if response.status < 300 else None
    wire = {
        "headers": HTTPHeaders.from_dict(response.headers),
        "status_code": response.status,
        "body": b"" if payload else body,  # botocore would take bytes for text.
    }
    parsed = create_parser(call.protocol).parse(wire, call.model.output_shape)
    metadata = parsed.pop("ResponseMetadata", {})
    if response.status < 300:
        return dict(parsed) | ({payload: body} if payload else {})
    error = parsed.pop("Error", {})
    code, message = error.get("Code", "InternalFailure"), error.get("Message", "")
    raise ServiceError(str(code), message, metadata.get("HTTPStatusCode", response.status))


def write_request(call: Call, endpoint_url: str) -> WireRequest:
    """The HTTP request that asks for `call` at `endpoint_url`."""
    serialized = create_serializer(call.protocol, False).serialize_to_request(
        call.parameters, call.model
    )
    url = endpoint_url + serialized["url_path"]
    body, headers = serialized["body"], dict(serialized["headers"])
    if serialized["query_string"]:
        url += "?" + percent_encode_sequence(serialized["query_string"])
    if isinstance(body, dict):
        body = percent_encode_sequence(body)
    return WireRequest.from_primitives(serialized["method"], url, headers, body)


def moto_protocol(model: OperationModel) -> str:
    """The protocol that moto speaks for an operation."""
    own = str(model.service_model.protocol)
    return "json" if own == CBOR else own


def service_model(service_name: str) -> ServiceModel:
    """botocore's model of a service (with what moto adds to it)."""
    return get_service_model(service_name)
