"""The HTTP server: HTTP/1.1 with keep-alive, and a thread for every request under way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest
from cheroot.workers.threadpool import _SHUTDOWNREQUEST, ThreadPool, WorkerThread
from cheroot.wsgi import Gateway_10, Server
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)

logger = logging.getLogger("localcloud")
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
_SPARE_THREADS = 8


class _Pool(ThreadPool):  # type: ignore[misc]
    """Grows whenever its spare threads run out, as a call may wait for calls that it makes."""

    def put(self, obj: Any) -> None:
        super().put(obj)
        if self.idle < self._queue.qsize() + _SPARE_THREADS:
            self._threads.append(self._spawn_worker())

    def grow(self, amount: int) -> None:
        self._threads.extend(self._spawn_worker() for _ in range(amount))

    def _spawn_worker(self) -> WorkerThread:
        worker = WorkerThread(self.server)
        # A call that never ends must not keep the process alive.
        worker.daemon = True
        worker.start()
        return worker

    def stop(self, timeout: float = 1.0) -> None:
        workers = list(self._threads)
        for _ in workers:
            self._queue.put(_SHUTDOWNREQUEST)
        self._threads.clear()


class _Request(HTTPRequest):  # type: ignore[misc]
    # cheroot leaves out headers with underscores; S3's user metadata has them.
    header_reader = HeaderReader()


class _Connection(HTTPConnection):  # type: ignore[misc]
    RequestHandlerClass = _Request


class _Gateway(Gateway_10):  # type: ignore[misc]
    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        # The path as the client wrote it: `%2F` in a key of S3 isn't a slash.
        environ["RAW_URI"] = environ["REQUEST_URI"]
        names = [name.decode("latin-1") for name in self.req.inheaders]
        environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {
            environ_key_for_header(name): name
            for name in names
            if should_preserve_original_header_name(name)
        }
        return environ


class HttpServer:
    """Serves a WSGI application on a loopback port."""

    def __init__(self, application: Application, port: int) -> None:
        """Bind the port (0: a free one). OSError where it is taken."""
        self._server = Server(("127.0.0.1", port), application, server_name="localhost")
        self._server.gateway = _Gateway
        self._server.ConnectionClass = _Connection
        self._server.requests = _Pool(self._server, min=16)
        self._server.request_queue_size = 512
        self._server.keep_alive_conn_limit = 4096
        self._server.timeout = 300
        self._server.error_log = _log
        self._server.prepare()
        self.port: int = self._server.bind_addr[1]
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        self._server.stop()
        self._thread.join(5)


def _log(message: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
    # A client that leaves in the middle of a response is no error of ours.
    logger.log(min(level, logging.INFO) if "onnection" in message else level, message)
