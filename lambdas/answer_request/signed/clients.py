"""Clients of the services that a request passes, as boto3 has them: by the same names."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import (
    ClientError,
    EventStreamError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from lambdas.answer_request.signed.calls import Patience, Place, SignedCalls
from lambdas.answer_request.signed.connection import HttpResponse
from lambdas.answer_request.signed.event_stream import messages
from meguru.attribute_values import from_item, to_item

PATIENT = Patience()


class ConditionalCheckFailedException(ClientError):  # type: ignore[misc]
    """A condition of a write didn't hold."""


class DynamoDb:
    """Items of tables. Source: DynamoDB API reference."""

    class exceptions:  # noqa: N801
        """The errors that callers tell apart, where boto3's clients have them."""

        ConditionalCheckFailedException = ConditionalCheckFailedException

    def __init__(self, patience: Patience = PATIENT, place: Place | None = None) -> None:
        self._calls = SignedCalls("dynamodb", "dynamodb", "dynamodb", patience, place)

    def get_item(self, **request: Any) -> dict[str, Any]:
        return self._call("GetItem", request)

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._call("PutItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        return self._call("UpdateItem", request)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return _json_call(self._calls, f"DynamoDB_20120810.{operation}", request)
        except ClientError as error:
            response: Any = _with_bytes(error.response)
            if response["Error"]["Code"] == ConditionalCheckFailedException.__name__:
                raise ConditionalCheckFailedException(response, operation) from error
            raise


class Table:
    """One table, with Python's values in place of DynamoDB's, as boto3's resources have them."""

    def __init__(self, client: DynamoDb, name: str) -> None:
        self._client, self._name = client, name

    def get_item(self, *, Key: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: N803
        found = self._client.get_item(TableName=self._name, Key=to_item(Key), **more)
        return {"Item": from_item(found["Item"])} if "Item" in found else {}


class Sqs:
    """Messages of queues. Source: SQS API reference."""

    def __init__(self, patience: Patience = PATIENT, place: Place | None = None) -> None:
        self._calls = SignedCalls("sqs", "sqs", "sqs", patience, place)

    def send_message(self, **request: Any) -> dict[str, Any]:
        return _json_call(self._calls, "AmazonSQS.SendMessage", request)


class SageMakerRuntime:
    """Endpoints. Source: SageMaker API reference, "Amazon SageMaker Runtime"."""

    HEADERS = {  # noqa: RUF012
        "ContentType": "content-type",
        "CustomAttributes": "x-amzn-sagemaker-custom-attributes",
        "InferenceComponentName": "x-amzn-sagemaker-inference-component",
        "TargetVariant": "x-amzn-sagemaker-target-variant",
    }

    def __init__(self, patience: Patience = PATIENT, place: Place | None = None) -> None:
        self._calls = SignedCalls(
            "sagemaker-runtime", "runtime.sagemaker", "sagemaker", patience, place
        )

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        response = self._send("InvokeEndpoint", "invocations", request)
        return {**_attributes(response), "Body": _Body(self._calls, response)}

    def invoke_endpoint_with_response_stream(self, **request: Any) -> dict[str, Any]:
        operation = "InvokeEndpointWithResponseStream"
        response = self._send(operation, "invocations-response-stream", request)
        return {**_attributes(response), "Body": _Events(response, operation)}

    def _send(self, operation: str, action: str, request: dict[str, Any]) -> HttpResponse:
        named = dict(request)
        path = f"/endpoints/{named.pop('EndpointName')}/{action}"
        body: bytes = named.pop("Body")
        headers = {self.HEADERS[name]: value for name, value in named.items()}
        return self._calls.send(operation, path, headers, body)


class _Body:
    """An answer in one piece."""

    def __init__(self, calls: SignedCalls, response: HttpResponse) -> None:
        self._calls, self._response = calls, response

    def read(self) -> bytes:
        return self._calls.read(self._response)


class _Events:
    """A stream's parts as they come; `close` ends it for the endpoint too."""

    def __init__(self, response: HttpResponse, operation: str) -> None:
        self._response, self._operation = response, operation

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            for headers, payload in messages(self._response.pieces()):
                yield self._event(headers, payload)
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self._operation, error=error) from error
        except (OSError, ValueError) as error:
            raise ResponseStreamingError(error=error) from error

    def _event(self, headers: dict[str, str], payload: bytes) -> dict[str, Any]:
        if headers.get(":message-type") == "event":
            return {headers[":event-type"]: {"Bytes": payload}}
        said = json.loads(payload) if payload else {}
        code = headers.get(":exception-type") or headers.get(":error-code") or "InternalFailure"
        message = said.get("Message") or headers.get(":error-message") or ""
        raise EventStreamError({"Error": {"Code": code, "Message": message}}, self._operation)

    def close(self) -> None:
        self._response.close()


def _json_call(calls: SignedCalls, target: str, request: dict[str, Any]) -> dict[str, Any]:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
    body = json.dumps(request, ensure_ascii=False, default=_text_of_bytes).encode()
    response = calls.send(target.rpartition(".")[2], "/", headers, body)
    content = calls.read(response)
    answer: dict[str, Any] = json.loads(content)
    return _with_bytes(answer) if b'"B"' in content or b'"BS"' in content else answer


def _attributes(response: HttpResponse) -> dict[str, Any]:
    name = SageMakerRuntime.HEADERS["CustomAttributes"]
    found = response.headers.get(name)
    return {} if found is None else {"CustomAttributes": found}


def _text_of_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _with_bytes(value: Any) -> Any:
    """What DynamoDB has as bytes comes as text: as bytes again, wherever it stands."""
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((kind, one),) = value.items()
        if kind == "B" and isinstance(one, str):
            return {kind: base64.b64decode(one)}
        if kind == "BS" and isinstance(one, list):
            return {kind: [base64.b64decode(each) for each in one]}
    return {name: _with_bytes(one) for name, one in value.items()}
