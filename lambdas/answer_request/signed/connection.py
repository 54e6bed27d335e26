"""HTTP/1.1 to one host, over connections that stay open: as much of it as AWS's services speak.

The standard library's client reads headers as those of an e-mail, which takes longer than all the
rest of a call.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import BinaryIO
from urllib.parse import quote, urlsplit

# More than these are open at once only where more requests are.
MAX_IDLE = 32
MAX_LINE_BYTES = 64 * 1024
# How much of a body is taken at once.
PIECE_BYTES = 64 * 1024


class Broken(OSError):
    """What came is no HTTP, or ended before its end."""


@dataclass
class HttpResponse:
    """A response whose body is still to be read, whole or in pieces; then `close` it."""

    status: int
    headers: Mapping[str, str]
    _connection: Connection
    _is_whole: bool = field(default=False, init=False)

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes."""
        file = self._connection.file
        if "chunked" in self.headers.get("transfer-encoding", ""):
            while size := _chunk_size(file):
                yield _exactly(file, size)
                _line(file)
            while _line(file):
                pass  # trailers
        elif "content-length" in self.headers:
            left = int(self.headers["content-length"])
            while left:
                piece = _exactly(file, min(left, PIECE_BYTES))
                left -= len(piece)
                yield piece
        else:
            yield from iter(lambda: file.read1(PIECE_BYTES), b"")  # type: ignore[attr-defined]
            self._connection.is_reusable = False
        self._is_whole = True

    def read(self) -> bytes:
        try:
            return b"".join(self.pieces())
        finally:
            self.close()

    def close(self) -> None:
        """Leave the connection for others; one that was left in the middle is ended."""
        self._connection.leave(self._is_whole)


class Connection:
    """One connection; a request on it at a time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._socket = host.connect()
        self.file: BinaryIO = self._socket.makefile("rb")
        self.is_reusable = True

    @property
    def is_dropped(self) -> bool:
        """Whether the other side has ended it while nobody asked."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {quote(path)} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode("latin-1") + body)
        status, found = self._head()
        while status == 100:
            status, found = self._head()
        if found.get("connection", "").lower() == "close":
            self.is_reusable = False
        return HttpResponse(status, found, self)

    def leave(self, is_whole: bool) -> None:
        if is_whole and self.is_reusable and len(self._host.idle) < MAX_IDLE:
            self._host.idle.append(self)
        else:
            self.close()

    def close(self) -> None:
        self.file.close()
        self._socket.close()

    def _head(self) -> tuple[int, dict[str, str]]:
        version, _, rest = _line(self.file).partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
            raise Broken(f"no HTTP response: {version[:40]!r}")
        headers = {}
        while line := _line(self.file):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if version == "HTTP/1.0":
            self.is_reusable = False
        return int(rest[:3]), headers


class Host:
    """Where an AWS service answers; for how long one waits for it, in seconds."""

    def __init__(self, url: str, connect_timeout: float, read_timeout: float) -> None:
        parts = urlsplit(url)
        self.name = parts.netloc
        self._is_secure = parts.scheme == "https"
        self._address = (parts.hostname or "", parts.port or (443 if self._is_secure else 80))
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self.idle: deque[Connection] = deque()

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """OSError where no answer comes, ConnectError where nobody has heard of the request."""
        connection = self._take()
        try:
            return connection.post(path, headers, body)
        except BaseException:
            connection.close()
            raise

    def connect(self) -> socket.socket:
        try:
            connected = socket.create_connection(self._address, self._connect_timeout)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A call may wait for minutes, in which nothing on the way may forget it.
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._is_secure:
                connected = _tls().wrap_socket(connected, server_hostname=self._address[0])
        except OSError as error:
            raise ConnectError(str(error)) from error
        connected.settimeout(self._read_timeout)
        return connected

    def _take(self) -> Connection:
        while self.idle:
            try:
                connection = self.idle.pop()
            except IndexError:
                break  # another thread had it
            if not connection.is_dropped:
                return connection
            connection.close()
        return Connection(self)


class ConnectError(OSError):
    """Nobody was reached: nothing was asked."""


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _line(file: BinaryIO) -> str:
    line = file.readline(MAX_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise Broken("the connection was closed before the response's end")
    return line.rstrip(b"\r\n").decode("latin-1")


def _chunk_size(file: BinaryIO) -> int:
    line = _line(file)
    try:
        return int(line.partition(";")[0], 16)
    except ValueError:
        raise Broken(f"no size of a chunk: {line[:40]!r}") from None


def _exactly(file: BinaryIO, size: int) -> bytes:
    piece = file.read(size)
    if len(piece) < size:
        raise Broken("the connection was closed before the response's end")
    return piece
