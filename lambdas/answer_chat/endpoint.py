"""The text endpoint as this function calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from botocore.exceptions import ClientError

from meguru.api_errors import NOT_SERVING, ApiError, NotServing, Overloaded
from meguru.model_version import read_version


class TextEndpoint:
    """Calls a SageMaker endpoint that speaks OpenAI's chat completions."""

    def __init__(self, runtime: Any, endpoint_name: str) -> None:
        self._runtime, self._endpoint_name = runtime, endpoint_name

    def complete(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The model version that answered (empty where unknown), and the whole completion."""
        try:
            response = self._runtime.invoke_endpoint(**self._request(body))
        except ClientError as error:
            raise _api_error(error) from error
        return _version(response), json.loads(response["Body"].read())

    @contextmanager
    def stream(self, body: dict[str, Any]) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
        """The model version, and the chunks as they come; leaving ends the generation."""
        try:
            response = self._runtime.invoke_endpoint_with_response_stream(**self._request(body))
        except ClientError as error:
            raise _api_error(error) from error
        with closing(response["Body"]) as parts:
            yield _version(response), _chunks(parts)

    def _request(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "EndpointName": self._endpoint_name,
            "ContentType": "application/json",
            "Body": json.dumps(body, ensure_ascii=False).encode(),
        }


def _version(response: dict[str, Any]) -> str:
    return read_version(response.get("CustomAttributes") or "")


def _chunks(parts: Any) -> Iterator[dict[str, Any]]:
    pending = b""
    for part in parts:
        pending += part["PayloadPart"]["Bytes"]
        # Server-sent events end with an empty line; a payload part may end anywhere.
        *events, pending = pending.split(b"\n\n")
        for event in events:
            data = event.removeprefix(b"data:").strip()
            if data and data != b"[DONE]":
                yield _chunk(data)


def _chunk(data: bytes) -> dict[str, Any]:
    chunk: dict[str, Any] = json.loads(data)
    if "error" in chunk:
        # The model server's status had been sent: its error is the stream's last event.
        raise ApiError(502, "The model could not finish the answer.", code="model_error")
    return chunk


def _api_error(error: ClientError) -> ApiError:
    """What the endpoint refused, in the API's terms."""
    code = error.response["Error"]["Code"]
    if code == "ModelError":
        return _model_error(error)
    if code in NOT_SERVING:
        return NotServing()
    raise error


def _model_error(error: ClientError) -> ApiError:
    status, said = int(error.response.get("OriginalStatusCode", 500)), _said(error)
    if status == 503:
        busy = said.get("code") == "overloaded"
        return Overloaded("The model is busy. Try again shortly.") if busy else NotServing()
    if not 400 <= status < 500:
        return ApiError(502, "The model could not answer.", code="model_error")
    if not isinstance(said.get("message"), str):
        return ApiError(status, "The model refused the request.", code="model_error")
    return ApiError(status, said["message"], code=said.get("code"), param=said.get("param"))


def _said(error: ClientError) -> dict[str, Any]:
    """The model server's own error object; empty where it spoke otherwise."""
    try:
        said = json.loads(error.response.get("OriginalMessage", ""))["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return said if isinstance(said, dict) else {}
