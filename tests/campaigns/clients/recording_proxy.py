"""Stands between a client and the API: it notes each request, and can spoil what is answered."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# What concerns one connection, and not the one behind the proxy.
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "host")


@dataclass
class Exchange:
    """A request and its answer, as the client has them; times are monotonic, in seconds."""

    name: str
    asked_at: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    answered_at: float = 0.0


# Changes an answer before the client has it.
Fault = Callable[[Exchange], None]


class RecordingProxy(ThreadingHTTPServer):
    """Hands `/NAME/path` on as `/path`, and notes it under NAME, as whose answers are spoilt."""

    daemon_threads = True

    def __init__(self, target: str, faults: Mapping[str, Fault]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target, self.faults = urlsplit(target), faults
        self.exchanges: list[Exchange] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may leave before the end.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def base(self, name: str) -> str:
        """The API's base URL whose requests are noted under `name`."""
        return f"http://127.0.0.1:{self.server_port}/{name}{self.target.path}"

    def of(self, name: str) -> list[Exchange]:
        return [one for one in self.exchanges if one.name == name]


class Handler(BaseHTTPRequestHandler):
    server: RecordingProxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._hand_on()

    def do_POST(self) -> None:
        self._hand_on()

    def _hand_on(self) -> None:
        name, _, path = self.path.removeprefix("/").partition("/")
        exchange = Exchange(name, time.monotonic())
        self.server.exchanges.append(exchange)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        sent = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        target = http.client.HTTPConnection(self.server.target.netloc, timeout=60)
        target.request(self.command, f"/{path}", body, sent)
        answer = target.getresponse()
        exchange.status = answer.status
        exchange.headers = {
            k.lower(): v for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP
        }
        if fault := self.server.faults.get(name):
            exchange.content = answer.read()
            fault(exchange)
            self._begin(exchange, {"content-length": str(len(exchange.content))})
            self.wfile.write(exchange.content)
        else:
            self._begin(exchange, {"transfer-encoding": "chunked"})
            while part := answer.read1():
                # As it comes: a stream is one for the client too.
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        target.close()

    def _begin(self, exchange: Exchange, framing: dict[str, str]) -> None:
        exchange.answered_at = time.monotonic()
        self.send_response_only(exchange.status)
        for name, value in (exchange.headers | framing).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """What was asked is in `exchanges`."""


@contextmanager
def recording_proxy(target: str, faults: Mapping[str, Fault]) -> Iterator[RecordingProxy]:
    proxy = RecordingProxy(target, faults)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()


def without_header(name: str) -> Fault:
    def spoil(exchange: Exchange) -> None:
        exchange.headers.pop(name, None)

    return spoil


def all_errors_are_500(exchange: Exchange) -> None:
    if exchange.status >= 400:
        exchange.status = 500


def streams_without_usage(exchange: Exchange) -> None:
    events = exchange.content.split(b"\n\n")
    if len(events) > 1:
        exchange.content = b"\n\n".join(one for one in events if b'"total_tokens"' not in one)


def unfinished_arguments(exchange: Exchange) -> None:
    exchange.content = exchange.content.replace('京\\"}'.encode(), "京".encode())


def another_vector(exchange: Exchange) -> None:
    """Only of what is asked for as base64."""
    if exchange.content.startswith(b"{"):
        said = json.loads(exchange.content)
        for one in said.get("data", []):
            if isinstance(one.get("embedding"), str):
                one["embedding"] = one["embedding"][::-1]
        exchange.content = json.dumps(said).encode()
