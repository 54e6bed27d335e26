"""A process that asks for its invocations over Lambda's Runtime API.

The protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Generator, Iterator

from localcloud.functions.invocation import MAX_RESPONSE_BYTES, FunctionError, Invocation
from localcloud.functions.sandbox import DeadlineError, Line, Sandbox
from localcloud.functions.wire import End, Event, Head, MessageReader
from localcloud.processes import Processes

_PREFIX = "/2018-06-01/runtime"
_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"


class RuntimeSandbox(Sandbox):
    """Each process has a listening socket of its own, so a request needs no other identity."""

    def __init__(self, processes: Processes, write_line: Line) -> None:
        super().__init__(processes, write_line)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._readers: dict[socket.socket, MessageReader] = {}
        self._waiting: socket.socket | None = None
        self._watch(self._listener)

    @property
    def address(self) -> str:
        """What AWS_LAMBDA_RUNTIME_API is to be."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def initialize(self, deadline: float) -> None:
        for connection, head, body in self._requests(deadline):
            if head.path == f"{_PREFIX}/invocation/next":
                self._waiting = connection
                return
            if head.path == f"{_PREFIX}/init/error":
                _accept(connection)
                self.read_output()
                raise FunctionError.reported(body, fatal=True)
            _refuse(connection)

    def stream(self, invocation: Invocation) -> Generator[bytes, None, None]:
        if self._waiting is None:
            self.initialize(invocation.deadline)
        assert self._waiting is not None
        connection, self._waiting = self._waiting, None
        self._hand_over(connection, invocation)
        path = f"{_PREFIX}/invocation/{invocation.request_id}"
        yield from self._answer(path, invocation.deadline)

    def end(self) -> None:
        super().end()
        for connection in [self._listener, *self._readers]:
            connection.close()

    def _hand_over(self, connection: socket.socket, invocation: Invocation) -> None:
        connection.settimeout(max(invocation.deadline - time.monotonic(), 0.001))
        try:
            _send(connection, "200 OK", _invocation_headers(invocation), invocation.payload)
        except TimeoutError as error:
            raise DeadlineError from error
        except ConnectionError:
            pass  # It has gone, or is going: waiting for its answer tells how it ended.

    def _answer(self, path: str, deadline: float) -> Generator[bytes, None, None]:
        events = self._events(deadline)
        connection, head = next(
            (connection, event) for connection, event in events if isinstance(event, Head)
        )
        failed = head.path != f"{path}/response"
        streamed = (head.get("lambda-runtime-function-response-mode") or "") == "streaming"
        whole = _whole(connection, events) if failed or not streamed else None
        if failed:
            _accept(connection)
            self.read_output()
            raise FunctionError.reported(whole or b"", fatal=head.path != f"{path}/error")
        if whole is None:
            yield from self._pieces(connection, events)
        else:
            _accept(connection)
            self.read_output()
            if len(whole) > MAX_RESPONSE_BYTES:
                raise FunctionError.too_large()
            yield whole

    def _pieces(
        self, connection: socket.socket, events: Iterator[tuple[socket.socket, Event]]
    ) -> Generator[bytes, None, None]:
        left, trailers = False, dict[str, str]()
        for sender, event in events:
            if sender is not connection:
                continue
            if isinstance(event, bytes) and not left:
                try:
                    yield event
                except GeneratorExit:
                    # The runtime has no way to hear of it: let it finish, unheard.
                    left = True
            if isinstance(event, End):
                trailers = event.trailers
                break
        _accept(connection)
        self.read_output()
        if _ERROR_TYPE in trailers:
            raise FunctionError.reported(base64.b64decode(trailers.get(_ERROR_BODY, "")))

    def _requests(self, deadline: float) -> Iterator[tuple[socket.socket, Head, bytes]]:
        events = self._events(deadline)
        for connection, event in events:
            if isinstance(event, Head):
                yield connection, event, _whole(connection, events)

    def _events(self, deadline: float) -> Iterator[tuple[socket.socket, Event]]:
        while True:
            for ready in self._ready(deadline):
                if ready is self._listener:
                    self._welcome()
                    continue
                for event in self._received(ready):
                    yield ready, event

    def _received(self, connection: socket.socket) -> Iterator[Event]:
        try:
            data = connection.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if data:
            for event in self._readers[connection].feed(data):
                if isinstance(event, Head) and event.get("expect"):
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                yield event
        else:
            self._selector.unregister(connection)
            del self._readers[connection]
            connection.close()

    def _welcome(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._readers[connection] = MessageReader()
        self._watch(connection)


def _whole(connection: socket.socket, events: Iterator[tuple[socket.socket, Event]]) -> bytes:
    pieces: list[bytes] = []
    for sender, event in events:
        if sender is not connection:
            continue
        if isinstance(event, End):
            break
        if isinstance(event, bytes):
            pieces.append(event)
    return b"".join(pieces)


def _invocation_headers(invocation: Invocation) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_epoch_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
    }
    if invocation.client_context is not None:
        headers["Lambda-Runtime-Client-Context"] = invocation.client_context
    return headers


def _accept(connection: socket.socket) -> None:
    _send(connection, "202 Accepted", {"Content-Type": "application/json"}, b'{"status":"OK"}')


def _refuse(connection: socket.socket) -> None:
    _send(connection, "404 Not Found", {"Content-Type": "application/json"}, b"{}")


def _send(connection: socket.socket, status: str, headers: dict[str, str], body: bytes) -> None:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    # One write, so that neither side waits for the other's delayed acknowledgement.
    connection.sendall(head.encode() + body)
