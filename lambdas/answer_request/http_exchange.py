"""One exchange over HTTP: a body is read as far as it may be long, and an answer is sent."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from lambdas.answer_request.admission import MAX_BODY_BYTES
from meguru.api_errors import ApiError
from meguru.cors import cors_headers

# API Gateway takes no larger body.
MAX_DISCARDED_BYTES = 10 * 1024 * 1024


class HttpExchange(BaseHTTPRequestHandler):
    """Requests as the Lambda Web Adapter hands them on; errors leave in OpenAI's shape."""

    protocol_version = "HTTP/1.1"
    # Small parts follow each other: none waits for the one before to be acknowledged.
    disable_nagle_algorithm = True

    @property
    def origins(self) -> Collection[str]:
        """Pages from these may read what is answered."""
        return ()

    def prepare(self) -> None:
        """Before each request: one connection has many."""
        self.is_streaming = False
        self.__dict__.pop("context", None)

    @cached_property
    def context(self) -> dict[str, Any]:
        """What API Gateway says of the request; the adapter asks without."""
        context: dict[str, Any] = json.loads(self.headers.get("x-amzn-request-context") or "{}")
        return context

    @property
    def route(self) -> str:
        """The path as the API has it, whatever a domain of the client's puts before it."""
        return self.context.get("resourcePath") or urlsplit(self.path).path

    def read_body(self) -> bytes:
        stated = self.headers.get("content-length") or "0"
        if "transfer-encoding" in self.headers or not stated.isdecimal():
            # Where the body ends is unknown, and with it where the next request begins.
            self.close_connection = True
            message = "The request needs a 'Content-Length' header."
            raise ApiError(411, message, code="length_required")
        length = int(stated)
        content = self.rfile.read(min(length, MAX_BODY_BYTES + 1))
        # What is left unread would reset the connection before the refusal arrives.
        unread = min(length, MAX_DISCARDED_BYTES) - len(content)
        while unread > 0 and (part := self.rfile.read(min(unread, 65536))):
            unread -= len(part)
        self.close_connection |= length > MAX_DISCARDED_BYTES
        return content

    def send_json(
        self,
        status: int,
        body: dict[str, Any],
        headers: Mapping[str, str] | None = None,
        inference_id: str = "",
    ) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        own = {"content-type": "application/json", "content-length": str(len(content))}
        self._send_head(status, own | dict(headers or {}), inference_id)
        self.wfile.write(content)

    def send_api_error(self, error: ApiError, headers: Mapping[str, str] | None = None) -> None:
        if not self.is_streaming:
            self.send_json(error.status, error.body(), dict(headers or {}) | error.headers())
            return
        # The status has been sent: the error travels as the stream's last event.
        self.send_event(json.dumps(error.body(), ensure_ascii=False))
        self.wfile.write(b"0\r\n\r\n")

    def start_events(self, headers: Mapping[str, str], inference_id: str) -> None:
        self.is_streaming = True
        own = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "transfer-encoding": "chunked",
        }
        self._send_head(200, own | dict(headers), inference_id)

    def send_event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.flush()

    def end_events(self) -> None:
        self.send_event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, status: int, headers: Mapping[str, str], inference_id: str) -> None:
        """An answer is asked for by its own id, a refusal by API Gateway's id of the request."""
        ids = {"x-request-id": inference_id or str(self.context.get("requestId", ""))}
        if inference_id:
            ids["x-inference-id"] = inference_id
        cors = cors_headers(self.headers.get("origin"), self.origins)
        self.send_response_only(status)
        for name, value in {**headers, **cors, **ids}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """API Gateway's access log has the requests; a second line for each helps nobody."""
