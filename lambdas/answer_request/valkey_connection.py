"""Valkey's protocol, as far as a cache needs it.

A client library is larger than all of this function and slower to import. After the Valkey
documentation, "Serialization protocol specification" (RESP, version 2).
"""

from __future__ import annotations

import socket
import ssl
from typing import BinaryIO
from urllib.parse import urlsplit

from lambdas.answer_request.cache_store import StoreUnavailable

# A cache that has to be waited for is none.
TIMEOUT_SECONDS = 0.5
DEFAULT_PORT = 6379
# With a certificate that is checked; without the second s, nothing is encrypted.
ENCRYPTED, PLAIN = "rediss", "redis"

Reply = bytes | int | None | list["Reply"]


class RefusedCommand(StoreUnavailable):
    """An error that the server replies; the connection is as good as before."""


class ValkeyConnection:
    """One connection: a command, and its reply."""

    def __init__(self, address: str) -> None:
        """`address` is a URL, `rediss://host:port`; OSError where nobody answers."""
        url = urlsplit(address)
        assert url.hostname and url.scheme in (ENCRYPTED, PLAIN)
        self._socket = socket.create_connection(
            (url.hostname, url.port or DEFAULT_PORT), timeout=TIMEOUT_SECONDS
        )
        if url.scheme == ENCRYPTED:
            context = ssl.create_default_context()
            self._socket = context.wrap_socket(self._socket, server_hostname=url.hostname)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies: BinaryIO = self._socket.makefile("rb")

    def ask(self, *command: str) -> Reply:
        """The reply: a text, a number, nothing, or a list of these.

        Raises OSError or ValueError where the connection is of no use any more.
        """
        parts = [part.encode() for part in command]
        head = b"*%d\r\n" % len(parts)
        self._socket.sendall(head + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts))
        return self._read()

    def close(self) -> None:
        self._replies.close()
        self._socket.close()

    def _read(self) -> Reply:
        line = self._replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the connection was closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RefusedCommand(rest.decode(errors="replace"))
        if kind == b"+":
            return rest
        if kind not in (b":", b"$", b"*"):
            raise ValueError(f"not a reply of Valkey's: {line[:40]!r}")
        number = int(rest)
        if kind == b":":
            return number
        if number < 0:
            return None
        return [self._read() for _ in range(number)] if kind == b"*" else self._text(number)

    def _text(self, length: int) -> bytes:
        content = self._replies.read(length + 2)
        if len(content) != length + 2:
            raise ConnectionError("the connection was closed")
        return content[:-2]


class ValkeyConnections:
    """Connections to one server, each used by one thread at a time and kept for the next."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._idle: list[ValkeyConnection] = []

    def ask(self, *command: str) -> Reply:
        """The reply to a command; StoreUnavailable where there is none.

        A server may have closed what was idle: that is asked once more, on a new connection.
        """
        try:
            if idle := self._take():
                try:
                    return self._ask(idle, command)
                except (OSError, ValueError):
                    self._idle.clear()
            return self._ask(ValkeyConnection(self._address), command)
        except (OSError, ValueError) as error:
            raise StoreUnavailable(f"{self._address}: {error}") from error

    def _take(self) -> ValkeyConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _ask(self, connection: ValkeyConnection, command: tuple[str, ...]) -> Reply:
        try:
            reply = connection.ask(*command)
        except (OSError, ValueError):
            connection.close()
            raise
        except RefusedCommand:
            self._idle.append(connection)
            raise
        self._idle.append(connection)
        return reply
