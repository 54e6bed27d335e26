"""A process that is a web server, as the Lambda Web Adapter layer makes of a function."""

from __future__ import annotations

import errno
import itertools
import json
import os
import socket
import time
from collections.abc import Generator, Iterator, Mapping

from localcloud.functions.http_events import prelude, proxy_response, request_of
from localcloud.functions.invocation import MAX_RESPONSE_BYTES, FunctionError, Invocation
from localcloud.functions.sandbox import DeadlineError, Line, Sandbox
from localcloud.functions.wire import End, Event, Head, MessageReader
from localcloud.processes import Processes

# Below the range from which the kernel takes the ports of outgoing connections.
_PORTS = range(20000, 32768)
_next_port = itertools.count(os.getpid() * 7)


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens; no two calls in a row give the same one."""
    for _ in _PORTS:
        port = _PORTS[next(_next_port) % len(_PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return port
    raise RuntimeError("every port from 20000 to 32767 is taken: end what holds them")


class WebSandbox(Sandbox):
    """Translates invocations to HTTP requests to the process's own server.

    AWS_LWA_INVOKE_MODE=response_stream streams the answer behind a prelude; otherwise it is
    buffered into a proxy response.
    """

    def __init__(self, processes: Processes, write_line: Line) -> None:
        super().__init__(processes, write_line)
        self.port = free_port()
        self._env: Mapping[str, str] = {}

    def serve_with(self, env: Mapping[str, str]) -> None:
        """The environment the process runs in: it holds the adapter's settings too."""
        self._env = env

    def initialize(self, deadline: float) -> None:
        """Ask for the readiness path until its status is one the adapter takes for healthy."""
        healthy = _statuses(_setting(self._env, "READINESS_CHECK_HEALTHY_STATUS") or "100-499")
        path = _setting(self._env, "READINESS_CHECK_PATH") or "/"
        tcp = (_setting(self._env, "READINESS_CHECK_PROTOCOL") or "http").lower() == "tcp"
        while True:
            connection = self._connect(deadline)
            if connection and tcp:
                connection.close()
                return
            if connection and self._probe(connection, path, deadline) in healthy:
                return
            self._pause(0.01, deadline)

    def stream(self, invocation: Invocation) -> Generator[bytes, None, None]:
        request = request_of(invocation, self._env)
        connection = self._connect(invocation.deadline)
        if connection is None:
            raise FunctionError("Extension.Crash", "the web server does not listen", fatal=True)
        try:
            _send_all(connection, request.encode(f"127.0.0.1:{self.port}"), invocation.deadline)
            reader = MessageReader(responses=True, bodyless=request.method == "HEAD")
            events = self._events(connection, reader, invocation.deadline)
            head = next(
                event for event in events if isinstance(event, Head) and event.status >= 200
            )
            if head.status in _statuses(self._env.get("AWS_LWA_ERROR_STATUS_CODES", "")):
                raise FunctionError("Error", f"Request failed with status {head.status}")
            body = (event for event in events if isinstance(event, bytes))
            yield from self._answer(head, body, invocation.payload)
        finally:
            self._close(connection)
            self.read_output()

    def _answer(
        self, head: Head, body: Iterator[bytes], payload: bytes
    ) -> Generator[bytes, None, None]:
        if _setting(self._env, "INVOKE_MODE", prefixed=True).lower() == "response_stream":
            yield prelude(head.status, head.headers)
            yield from body
            return
        event_v2 = json.loads(payload or b"{}").get("version") == "2.0"
        answer = proxy_response(head.status, head.headers, b"".join(body), event_v2)
        if len(answer) > MAX_RESPONSE_BYTES:
            raise FunctionError.too_large()
        yield answer

    def _probe(self, connection: socket.socket, path: str, deadline: float) -> int:
        request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\nconnection: close\r\n\r\n"
        try:
            _send_all(connection, request.encode(), deadline)
            for event in self._events(connection, MessageReader(responses=True), deadline):
                if isinstance(event, Head) and event.status >= 200:
                    return event.status
        except FunctionError:
            pass  # It hung up: not ready yet.
        finally:
            self._close(connection)
        return 0

    def _events(
        self, connection: socket.socket, reader: MessageReader, deadline: float
    ) -> Iterator[Event]:
        self._watch(connection)
        while True:
            self._ready(deadline)
            try:
                data = connection.recv(1 << 18)
            except ConnectionResetError:
                data = b""
            if not data:
                self._close(connection)
                yield self._closed(reader)
                return
            for event in reader.feed(data):
                yield event
                if isinstance(event, End):
                    return

    def _closed(self, reader: MessageReader) -> End:
        try:
            return reader.close()
        except ValueError as error:
            # Where the server has crashed, its exit says more than the closed connection.
            self._pause(0.05, time.monotonic() + 1)
            raise FunctionError("Error", f"web server: {error}") from error

    def _connect(self, deadline: float) -> socket.socket | None:
        try:
            connection = socket.create_connection(("127.0.0.1", self.port), timeout=1)
        except OSError:
            return None
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        return connection

    def _close(self, connection: socket.socket) -> None:
        if connection.fileno() >= 0:
            self._selector.unregister(connection)
            connection.close()

    def _pause(self, seconds: float, deadline: float) -> None:
        """Wait a little, yet see at once when the process ends."""
        try:
            self._ready(min(time.monotonic() + seconds, deadline))
        except DeadlineError:
            if time.monotonic() >= deadline:
                raise


def _send_all(connection: socket.socket, data: bytes, deadline: float) -> None:
    connection.settimeout(max(deadline - time.monotonic(), 0.001))
    try:
        connection.sendall(data)
    except TimeoutError as error:
        raise DeadlineError from error
    except ConnectionError:
        pass  # A server may answer before it has read everything, and close.


def _setting(env: Mapping[str, str], name: str, *, prefixed: bool = False) -> str:
    """A setting under its name, or the name it had before adapter 1.0 (without AWS_LWA_)."""
    return env.get(f"AWS_LWA_{name}") or ("" if prefixed else env.get(name, ""))


def _statuses(text: str) -> set[int]:
    """`100-399,404` as the numbers it names."""
    statuses: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.strip().partition("-")
        statuses.update(range(int(first), int(last or first) + 1))
    return statuses
