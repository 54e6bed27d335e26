"""Operations that invoke functions."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Generator, Iterator
from typing import Any

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.functions.api.parts import LambdaParts
from localcloud.functions.invocation import MAX_EVENT_BYTES, MAX_PAYLOAD_BYTES, FunctionError
from localcloud.functions.invoker import StreamedAnswer


class InvocationOperations(LambdaParts):
    def invoke(self, request: Request, caller: Caller) -> Response:
        payload = _payload(request)
        name, qualifier = request["FunctionName"], request.get("Qualifier")
        kind = request.get("InvocationType", "RequestResponse")
        version = self.invoker.executed_version(name, qualifier)
        if kind == "DryRun":
            return {"StatusCode": 204}
        if kind == "Event":
            _limit(payload, MAX_EVENT_BYTES)
            self.events.put(name, qualifier, payload)
            return {"StatusCode": 202, "Payload": b""}
        outcome = self.invoker.invoke(name, qualifier, payload, _client_context(request))
        response: Response = {
            "StatusCode": 200,
            "Payload": outcome.payload,
            "ExecutedVersion": outcome.executed_version or version,
        }
        if outcome.failed:
            response["FunctionError"] = "Unhandled"
        if request.get("LogType") == "Tail":
            response["LogResult"] = base64.b64encode(outcome.tail.encode()[-4096:]).decode()
        return response

    def invoke_async(self, request: Request, caller: Caller) -> Response:
        payload = request["InvokeArgs"]
        self.events.put(request["FunctionName"], None, _json(payload))
        return {"Status": 202}

    def invoke_with_response_stream(self, request: Request, caller: Caller) -> Response:
        payload = _payload(request)
        name, qualifier = request["FunctionName"], request.get("Qualifier")
        version = self.invoker.executed_version(name, qualifier)
        if request.get("InvocationType") == "DryRun":
            return {"StatusCode": 204}
        pieces = self.invoker.stream(name, qualifier, payload, _client_context(request))
        return {
            "StatusCode": 200,
            "ExecutedVersion": version,
            "ResponseStreamContentType": "application/vnd.amazon.eventstream",
            "EventStream": _event_stream(_begin(pieces)),
        }

    def invoke_stream(self, function_arn: str, payload: dict[str, Any]) -> StreamedAnswer:
        """Invoke a function that streams an HTTP response, from within the cloud's process.

        Whoever calls has checked the caller's permission. Raises FunctionError where the function
        fails before it answers, NotStreamedError where its answer is no streamed HTTP response, and
        ServiceError as InvokeWithResponseStream does.
        """
        body = json.dumps(payload, ensure_ascii=False).encode()
        _limit(body, MAX_PAYLOAD_BYTES)
        return StreamedAnswer(self.invoker.stream(function_arn, None, body))


def _payload(request: Request) -> bytes:
    payload = request.get("Payload") or b"{}"
    _limit(payload, MAX_PAYLOAD_BYTES)
    return _json(payload)


def _json(payload: bytes) -> bytes:
    try:
        json.loads(payload)
    except ValueError as error:
        raise ServiceError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: {error}",
            Type="User",
        ) from error
    return payload


def _limit(payload: bytes, maximum: int) -> None:
    if len(payload) > maximum:
        raise ServiceError(
            "RequestTooLargeException",
            f"{len(payload)} byte payload is too large for the Invoke operation "
            f"(limit {maximum} bytes)",
            413,
            Type="User",
        )


def _client_context(request: Request) -> str | None:
    encoded = request.get("ClientContext")
    if not encoded:
        return None
    try:
        # Written anew, so that it fits into one header field.
        return json.dumps(json.loads(base64.b64decode(encoded)))
    except ValueError as error:
        raise ServiceError(
            "InvalidRequestContentException", f"Client context must be Base64 of JSON: {error}"
        ) from error


def _begin(pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """The same pieces, the first of them already here.

    What Lambda refuses to run at all is so refused before the answer's status has been sent.
    """
    try:
        first, failure = next(pieces, b""), None
    except FunctionError as failed:
        first, failure = b"", failed
    return _continue(first, failure, pieces)


def _continue(
    first: bytes, failure: FunctionError | None, pieces: Generator[bytes, None, None]
) -> Generator[bytes, None, None]:
    if failure is not None:
        raise failure
    try:
        yield first
        yield from pieces
    finally:
        pieces.close()


def _event_stream(pieces: Generator[bytes, None, None]) -> Iterator[dict[str, Any]]:
    complete: dict[str, Any] = {}
    with contextlib.closing(pieces):
        try:
            for piece in pieces:
                yield {"PayloadChunk": {"Payload": piece}}
        except FunctionError as failed:
            complete = {"ErrorCode": failed.error_type, "ErrorDetails": failed.message}
    yield {"InvokeComplete": complete}
