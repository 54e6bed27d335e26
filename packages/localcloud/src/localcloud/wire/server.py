"""The HTTP server: HTTP/1.1 with keep-alive, and a thread for every request under way."""

from __future__ import annotations

import errno
import logging
import queue
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

from cheroot.server import HTTPConnection, HTTPRequest
from cheroot.workers import threadpool
from cheroot.wsgi import Gateway_10, Server
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)

logger = logging.getLogger("localcloud")
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
# The environ's key of the headers as the client wrote them: pairs of name and value.
SENT_HEADERS = "localcloud.sent_headers"
_SPARE_THREADS = 8
_MAX_HEADER_BYTES = 64 * 1024
# Two of these are two opinions on where a request ends, or on whom it is for.
_ONLY_ONCE = (b"Content-Length", b"Transfer-Encoding", b"Host")
_NOT_A_TOKEN = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NOT_IN_A_VALUE = re.compile(rb"[\0\r\n]")


class _Pool:
    """Grows whenever its spare threads run out, as a call may wait for calls that it makes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connections: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._workers: list[Any] = []
        self.get = self._connections.get

    def start(self) -> None:
        for _ in range(_SPARE_THREADS):
            self._add_worker()

    def put(self, connection: Any) -> None:
        self._connections.put(connection)
        idle = sum(worker.conn is None for worker in self._workers)
        if idle < self._connections.qsize() + _SPARE_THREADS:
            self._add_worker()

    def stop(self, timeout: float) -> None:
        for _ in self._workers:
            self._connections.put(threadpool._SHUTDOWNREQUEST)  # type: ignore[attr-defined]
        self._workers.clear()

    def _add_worker(self) -> None:
        worker: Any = threadpool.WorkerThread(self._server)  # type: ignore[no-untyped-call]
        # A call that never ends must not keep the process alive.
        worker.daemon = True
        worker.start()
        self._workers.append(worker)


class _Headers(dict[bytes, bytes]):
    """Header values by title-cased name; `sent` has each as the client wrote it, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []


class _HeaderReader:
    """Reads headers as RFC 9112 has them: repeated ones are one list, but not those of framing."""

    def __call__(self, lines: Any, headers: _Headers) -> _Headers:
        """Fill `headers`. ValueError is a 400 for the client."""
        while (line := lines.readline()) != b"\r\n":
            name, colon, value = line.partition(b":")
            if not line.endswith(b"\r\n") or not colon or _NOT_A_TOKEN.search(name) or not name:
                raise ValueError("Illegal header line.")
            self._add(headers, name, value.strip(b" \t\r\n"))
        if b"Content-Length" in headers and b"Transfer-Encoding" in headers:
            raise ValueError("Content-Length with Transfer-Encoding.")
        return headers

    def _add(self, headers: _Headers, name: bytes, value: bytes) -> None:
        headers.sent.append((name.decode("latin-1"), value.decode("latin-1")))
        if _NOT_IN_A_VALUE.search(value):
            raise ValueError("Illegal header value.")
        key = name.title()
        if key in headers and key in _ONLY_ONCE:
            raise ValueError(f"{key.decode()} more than once.")
        if key == b"Content-Length" and not value.isdigit():
            raise ValueError("Malformed Content-Length Header.")
        headers[key] = b", ".join((headers[key], value)) if key in headers else value


class _Request(HTTPRequest):
    header_reader = _HeaderReader()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.inheaders = _Headers()


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request


class _Gateway(Gateway_10):
    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        # The path as the client wrote it: `%2F` in a key of S3 isn't a slash.
        environ["RAW_URI"] = environ["REQUEST_URI"]
        environ[SENT_HEADERS] = self.req.inheaders.sent
        names = [name.decode("latin-1") for name in self.req.inheaders]
        environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {
            environ_key_for_header(name): name
            for name in names
            if should_preserve_original_header_name(name)
        }
        return environ


class _Server(Server):
    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        # A client that leaves in the middle of a response is no error of ours.
        is_client = "connection" in msg.lower() and level < logging.ERROR
        logger.log(logging.DEBUG if is_client else level, msg, exc_info=traceback)


class HttpServer:
    """Serves a WSGI application on a loopback port."""

    def __init__(self, application: Application, port: int) -> None:
        """Bind the port (0: a free one). OSError where it is taken."""
        self._server: Any = _Server(("127.0.0.1", port), application, server_name="localhost")
        self._server.gateway = _Gateway
        self._server.ConnectionClass = _Connection
        self._server.requests = _Pool(self._server)
        self._server.request_queue_size = 512
        self._server.keep_alive_conn_limit = 4096
        self._server.timeout = 300
        self._server.max_request_header_size = _MAX_HEADER_BYTES
        self._server.expiration_interval = 0.1
        try:
            self._server.prepare()
        except OSError as error:
            raise OSError(errno.EADDRINUSE, f"port {port} is in use") from error
        self.port: int = self._server.bind_addr[1]
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join(5)
