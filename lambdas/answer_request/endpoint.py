"""The text endpoint as this function calls it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from lambdas.answer_request.signed.calls import Patience
from lambdas.answer_request.warm_up import WarmUp
from meguru.api_errors import NOT_SERVING, ApiError, NotServing, Overloaded, Warming
from meguru.endpoint_address import EndpointAddress
from meguru.model_version import Answering

# SageMaker ends a whole answer after 60 s and a stream after 8 minutes: whoever waits less leaves a
# generation that is paid for. And none is begun a second time because its answer got lost.
RUNTIME = Patience(connect_timeout=5, read_timeout=8 * 60 + 10, attempts=1)


class TextEndpoint:
    """Calls a SageMaker endpoint that speaks OpenAI's chat completions."""

    def __init__(self, runtime: Any, endpoint_name: str, warm_up: WarmUp | None = None) -> None:
        self._runtime, self._address = runtime, EndpointAddress(endpoint_name)
        self._warm_up = warm_up or WarmUp()

    def complete(
        self, body: dict[str, Any], attributes: str = ""
    ) -> tuple[Answering, dict[str, Any]]:
        """What answered, and the whole completion; `attributes` are for the model server."""
        with self._refusals():
            response = self._ask(
                lambda request: self._runtime.invoke_endpoint(**request), body, attributes
            )
        return _answering(response), json.loads(response["Body"].read())

    @contextmanager
    def stream(
        self, body: dict[str, Any], attributes: str = ""
    ) -> Iterator[tuple[Answering, Iterator[dict[str, Any]]]]:
        """What answers, and the chunks as they come; leaving ends the generation."""
        with self._refusals():
            response = self._ask(
                lambda request: self._runtime.invoke_endpoint_with_response_stream(**request),
                body,
                attributes,
            )
        with closing(response["Body"]) as parts:
            yield _answering(response), _chunks(parts)

    def _ask(
        self,
        call: Callable[[dict[str, Any]], dict[str, Any]],
        body: dict[str, Any],
        attributes: str,
    ) -> dict[str, Any]:
        """What is answered, by an endpoint of either kind."""
        request = {
            "ContentType": "application/json",
            "Body": json.dumps(body, ensure_ascii=False).encode(),
        }
        request |= {"CustomAttributes": attributes} if attributes else {}
        response = self._address.ask(lambda members: call({**members, **request}), ClientError)
        self._warm_up.end()
        return response

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """What the endpoint refuses, and what keeps it from answering, in the API's terms."""
        try:
            yield
        except ClientError as error:
            if _is_without_copies(error):
                raise self._warm_up.refuse() from error
            raise _api_error(error) from error
        except (ReadTimeoutError, ConnectionClosedError) as error:
            raise _timeout() from error
        except (HTTPClientError, NoConnectionError) as error:
            raise NotServing from error


def _answering(response: dict[str, Any]) -> Answering:
    return Answering.read(response.get("CustomAttributes") or "")


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


def _is_without_copies(error: ClientError) -> bool:
    said = error.response["Error"]
    return said["Code"] == "ValidationError" and Warming.WORDS in said.get("Message", "")


def _api_error(error: ClientError) -> ApiError:
    """What the endpoint refused, in the API's terms."""
    code = error.response["Error"]["Code"]
    if code == "ModelError":
        return _model_error(error)
    if code in NOT_SERVING:
        return NotServing()
    if code == "ThrottlingException":
        return _busy()
    raise error


def _model_error(error: ClientError) -> ApiError:
    status, said = int(error.response.get("OriginalStatusCode", 500)), _said(error)
    if status == 0:
        # SageMaker has waited for the container in vain; that one may still be at work.
        return _timeout()
    if status in (429, 503):
        return _busy() if status == 429 or said.get("code") == "overloaded" else NotServing()
    if not 400 <= status < 500:
        return ApiError(502, "The model could not answer.", code="model_error")
    if not isinstance(said.get("message"), str):
        return ApiError(status, "The model refused the request.", code="model_error")
    # Servers of others may give no code, or a number (vLLM).
    code = said.get("code")
    code = code if isinstance(code, str) and code else "model_error"
    return ApiError(status, said["message"], code=code, param=said.get("param"))


def _timeout() -> ApiError:
    said = "The model did not answer in time."
    return ApiError(504, said, code="model_timeout", may_have_answered=True)


def _busy() -> ApiError:
    return Overloaded("The model is busy. Try again shortly.")


def _said(error: ClientError) -> dict[str, Any]:
    """The model server's own error object; empty where it spoke otherwise."""
    try:
        said = json.loads(error.response.get("OriginalMessage", ""))["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return said if isinstance(said, dict) else {}
