"""The function's web server, behind the Lambda Web Adapter: POST /v1/chat/completions.

Lambda gives a process one request at a time, so the standard library's server is enough, and a
cold start imports no framework.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3

from lambdas.answer_request.admission import MAX_BODY_BYTES, admit
from lambdas.answer_request.answer import Answer
from lambdas.answer_request.consumers import KeyHolders
from lambdas.answer_request.endpoint import RUNTIME, TextEndpoint
from lambdas.answer_request.inference_log import IMPATIENT, InferenceLog
from lambdas.answer_request.pipeline import Model, Pipeline
from lambdas.answer_request.ports import Consumers
from lambdas.answer_request.settings import Settings
from meguru.api_errors import ApiError
from meguru.consumer import Consumer
from meguru.ledger import Ledger

# API Gateway takes no larger body.
MAX_DISCARDED_BYTES = 10 * 1024 * 1024

logger = logging.getLogger(__name__)


class RequestServer(ThreadingHTTPServer):
    """Takes requests of the API; who calls, `consumers` says."""

    def __init__(self, address: tuple[str, int], pipeline: Pipeline, consumers: Consumers) -> None:
        super().__init__(address, RequestHandler)
        self.pipeline, self.consumers = pipeline, consumers


class RequestHandler(BaseHTTPRequestHandler):
    """One request; errors leave in OpenAI's shape."""

    protocol_version = "HTTP/1.1"
    server: RequestServer

    def do_GET(self) -> None:
        # The adapter asks here until the server is ready.
        self._send_json(200, {"status": "ready"}, headers={})

    def do_POST(self) -> None:
        try:
            self._answer_or_refuse()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer_or_refuse(self) -> None:
        self._streaming = False
        try:
            self._answer()
        except ApiError as error:
            self._send_error(error)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception:
            logger.exception("the request failed")
            self.close_connection = True
            message = "The server had an error. Try again."
            # Also where the answer was there and only its record could not be kept.
            failure = ApiError(500, message, code="internal_error", may_have_answered=True)
            self._send_error(failure)

    def _answer(self) -> None:
        request = admit(self._read_body())
        answer = Answer(request=request, consumer=self._consumer())
        try:
            if request.stream:
                self._send_events(answer)
            else:
                completion = self.server.pipeline.complete(answer)
                self._send_json(
                    200, completion, headers=answer.headers(), inference_id=answer.inference_id
                )
        except ApiError as error:
            if self._streaming:
                raise
            self._send_json(error.status, error.body(), headers=answer.headers() | error.headers())

    def _read_body(self) -> bytes:
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

    def _context(self) -> dict[str, Any]:
        """What API Gateway says of the request; the adapter asks without."""
        context: dict[str, Any] = json.loads(self.headers.get("x-amzn-request-context") or "{}")
        return context

    def _consumer(self) -> Consumer:
        key_id: str = self._context()["identity"]["apiKeyId"]
        return self.server.consumers.of_key(key_id)

    def _send_json(
        self,
        status: int,
        body: dict[str, Any],
        *,
        headers: Mapping[str, str],
        inference_id: str = "",
    ) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_response_only(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self._send_headers(headers)
        self._send_ids(inference_id)
        self.end_headers()
        self.wfile.write(content)

    def _send_error(self, error: ApiError) -> None:
        if not self._streaming:
            self._send_json(error.status, error.body(), headers=error.headers())
            return
        # The status has been sent: the error travels as the stream's last event.
        self._send_event(json.dumps(error.body(), ensure_ascii=False))
        self.wfile.write(b"0\r\n\r\n")

    def _send_events(self, answer: Answer) -> None:
        with self.server.pipeline.stream(answer) as chunks:
            self._start_events(answer)
            for chunk in chunks:
                self._send_event(json.dumps(chunk, ensure_ascii=False))
            # Whoever reads the stream has all of it: what is kept of it is no matter of theirs.
            self._send_event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _start_events(self, answer: Answer) -> None:
        self._streaming = True
        self.send_response_only(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("cache-control", "no-cache")
        self.send_header("transfer-encoding", "chunked")
        self._send_headers(answer.headers())
        self._send_ids(answer.inference_id)
        self.end_headers()

    def _send_event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.flush()

    def _send_headers(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)

    def _send_ids(self, inference_id: str) -> None:
        """An answer is asked for by its own id, a refusal by API Gateway's id of the request."""
        self.send_header("x-request-id", inference_id or self._context().get("requestId", ""))
        if inference_id:
            self.send_header("x-inference-id", inference_id)

    def log_message(self, format: str, *args: object) -> None:
        """API Gateway's access log has the requests; a second line for each helps nobody."""


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    settings = Settings.from_environment(os.environ)
    log = InferenceLog(
        boto3.client("dynamodb", config=IMPATIENT),
        settings.inference_table,
        boto3.client("sqs", config=IMPATIENT),
        settings.inference_queue,
        settings.retention_days,
    )
    runtime = boto3.client("sagemaker-runtime", config=RUNTIME)
    models = {
        name: Model(TextEndpoint(runtime, endpoint_name), context_tokens)
        for name, (endpoint_name, context_tokens) in settings.models.items()
    }
    ledger = Ledger(boto3.client("dynamodb"), settings.ledger_table, settings.billing)
    pipeline = Pipeline(models=models, log=log, ledger=ledger)
    port = int(os.environ.get("AWS_LWA_PORT") or os.environ.get("PORT") or 8080)
    RequestServer(("127.0.0.1", port), pipeline, KeyHolders()).serve_forever()


if __name__ == "__main__":
    main()
