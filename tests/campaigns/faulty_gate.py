"""A service of a local cloud behind a gate that fails as a service may: by turns, or in part."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import requests

# A faulty service does so without an answer, or answers after so long.
HANGS_SECONDS, SLOW_SECONDS = 15, 2.0
Answer = tuple[int, bytes]


class FaultyGate(ThreadingHTTPServer):
    """Hands calls on to `target` as they are, unless there is a `fault`: one of FAULTS."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.target, self.fault = "", ""
        self.num_failed = 0
        self.mended = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mend()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that have not waited for their answers, or were killed."""

    def fail(self, fault: str) -> None:
        self.mended.clear()
        self.fault = fault

    def mend(self) -> None:
        self.fault = ""
        self.mended.set()


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyGate

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        fault = self.server.fault
        self.server.num_failed += bool(fault)
        answer = FAULTS[fault](self, body)
        if answer is None:
            self.close_connection = True
            return
        status, content = answer
        self.send_response_only(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def forward(self, body: bytes) -> Answer:
        headers = {**self.headers, "content-length": str(len(body))}
        answer = requests.post(
            f"{self.server.target}{self.path}", data=body, headers=headers, timeout=60
        )
        return answer.status_code, answer.content

    def log_message(self, format: str, *args: object) -> None:
        """What fails is looked for in the lake."""


def refuse(call: _Call, body: bytes) -> Answer:
    return 503, b'{"__type": "ServiceUnavailableException", "message": "planned"}'


def hang(call: _Call, body: bytes) -> None:
    call.server.mended.wait(HANGS_SECONDS)


def be_slow(call: _Call, body: bytes) -> Answer:
    call.server.mended.wait(SLOW_SECONDS)
    return call.forward(body)


def forget_to_say(call: _Call, body: bytes) -> Answer:
    """What was sent is taken, and nobody hears of it."""
    call.forward(body)
    return refuse(call, body)


def take_every_second(call: _Call, body: bytes) -> Answer:
    """Of a batch, whichever service it is for; the others are to be sent again."""
    asked = json.loads(body)
    member = "Records" if "Records" in asked else "Entries"
    taken, refused = asked[member][::2], asked[member][1::2]
    status, content = call.forward(json.dumps(asked | {member: taken}).encode())
    if status != 200:
        return status, content
    said: dict[str, Any] = json.loads(content)
    if member == "Entries":
        failed = {"Code": "InternalError", "SenderFault": False}
        said["Failed"] = [{"Id": one["Id"], **failed} for one in refused]
    else:
        failed = {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "planned"}
        responses = iter(said["RequestResponses"])
        said["RequestResponses"] = [
            failed if number % 2 else next(responses) for number in range(len(asked[member]))
        ]
        said["FailedPutCount"] = len(refused)
    return status, json.dumps(said).encode()


FAULTS: dict[str, Callable[[_Call, bytes], Answer | None]] = {
    "": _Call.forward,
    "refuses": refuse,
    "hangs": hang,
    "is slow": be_slow,
    "takes every second": take_every_second,
    "takes and does not say so": forget_to_say,
}
