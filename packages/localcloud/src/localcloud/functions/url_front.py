"""Function URLs: takes an HTTP request to its function, and the answer back.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from typing import Any

from moto.core.request import Request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from localcloud.account import Account
from localcloud.calls import ServiceError
from localcloud.functions.invocation import MAX_PAYLOAD_BYTES, FunctionError
from localcloud.functions.invoker import Invoker, NotStreamedError, StreamedAnswer
from localcloud.functions.url_access import Access
from localcloud.functions.url_cors import answer_headers, is_preflight, preflight_headers
from localcloud.functions.url_events import Headers, read_answer, url_event
from localcloud.wire.routing import raw_path

PREFIX = "/_aws/lambda-url/"
logger = logging.getLogger("localcloud.functions")
_STATUSES = {"TooManyRequestsException": 429, "RequestTooLargeException": 413}


class UrlFront:
    """Answers the callers of every function URL. `configs` has those that exist, by their ID."""

    def __init__(self, account: Account, invoker: Invoker) -> None:
        self.configs: dict[str, dict[str, Any]] = {}
        self._account, self._invoker = account, invoker
        self._access = Access(account)

    def forget(self, config: dict[str, Any]) -> None:
        self.configs = {key: each for key, each in self.configs.items() if each is not config}

    def respond(self, request: Request) -> Response:
        """The response to a client; a stream's chunks are in it as an iterator."""
        url_id, path = _address(request)
        config = self.configs.get(url_id)
        if config is None:
            return _response(404, [], b'{"Message":null}')
        cors = config.get("Cors")
        if cors and is_preflight(request):
            return _response(200, preflight_headers(cors, request), b"")
        try:
            status, headers, body = self._carry_out(request, url_id, path, config)
        except ServiceError as error:
            logger.warning("%s: %s: %s", config["FunctionUrl"], error.code, error.message)
            status = _STATUSES.get(error.code, error.status)
            headers, body = [], json.dumps({"Message": _told(error)}).encode()
        except (FunctionError, ValueError) as failure:
            logger.warning("%s failed: %s", config["FunctionArn"], failure)
            status, headers, body = 502, [], b"Internal Server Error"
        return _response(status, answer_headers(cors, request, headers), body)

    def _carry_out(
        self, request: Request, url_id: str, path: str, config: dict[str, Any]
    ) -> tuple[int, Headers, bytes | Iterable[bytes]]:
        authorizer = self._access.check(request, config)
        event = url_event(request, url_id, path, self._account.clock.now(), _body(request))
        event["requestContext"] |= authorizer
        payload = json.dumps(event, ensure_ascii=False).encode()
        if config["InvokeMode"] == "RESPONSE_STREAM":
            return self._stream(config["FunctionArn"], payload)
        outcome = self._invoker.invoke(config["FunctionArn"], None, payload)
        if outcome.failed:
            raise ValueError(outcome.payload[:2000].decode("utf-8", "replace"))
        return read_answer(outcome.payload)

    def _stream(self, arn: str, payload: bytes) -> tuple[int, Headers, Iterable[bytes]]:
        try:
            streamed = StreamedAnswer(self._invoker.stream(arn, None, payload))
        except NotStreamedError as error:
            raise ValueError(str(error)) from error
        headers = [*streamed.headers.items(), *(("Set-Cookie", c) for c in streamed.cookies)]
        return streamed.status, headers, streamed.chunks


def _address(request: Request) -> tuple[str, str]:
    """The URL's ID and the raw path on it: by Host, or `/_aws/lambda-url/{id}/…`."""
    path = raw_path(request)
    if not path.startswith(PREFIX):
        return request.host.lower().partition(".")[0], path
    url_id, _, rest = path.removeprefix(PREFIX).partition("/")
    return url_id, f"/{rest}"


def _body(request: Request) -> bytes:
    try:
        body: bytes = request.stream.read(MAX_PAYLOAD_BYTES + 1)
    except (HTTPException, ValueError) as error:  # cut short, or its chunks aren't HTTP's
        raise ServiceError("InvalidRequestContentException", "Bad Request") from error
    if len(body) > MAX_PAYLOAD_BYTES:
        raise ServiceError("RequestTooLargeException", "Request Too Long", 413)
    return body


def _told(error: ServiceError) -> str:
    """What a client hears: why it may not is for the log alone, as in AWS."""
    if error.status != 403:
        return error.message
    return (
        "Forbidden. For troubleshooting Function URL authorization issues, see: "
        "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
    )


def _response(status: int, headers: Headers, body: bytes | Iterable[bytes]) -> Response:
    response = Response(status=status)
    response.headers.clear()
    response.headers.extend(headers)
    response.headers.setdefault("Content-Type", "application/json")
    response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
    if isinstance(body, bytes):
        response.set_data(body)
    else:
        response.response = body
    return response
