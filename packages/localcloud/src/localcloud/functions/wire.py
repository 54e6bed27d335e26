"""HTTP/1.1 messages read piece by piece, as they come over a socket (RFC 9112)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_MAX_HEAD_BYTES = 1 << 20


@dataclass(frozen=True)
class Head:
    """A request or status line and the header fields, in order, names in lower case."""

    start_line: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def path(self) -> str:
        return self.start_line.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.start_line.split(" ")[1])


@dataclass(frozen=True)
class End:
    """The end of a message, with a chunked body's trailers."""

    trailers: dict[str, str] = field(default_factory=dict)


Event = Head | bytes | End


class MessageReader:
    """Turns bytes into events: a Head, the body's bytes as they come, an End; and again.

    With `responses`, a message without a length runs until the peer closes (call `close`); set
    `bodyless` for the answer to a HEAD request. Malformed input raises ValueError.
    """

    def __init__(self, *, responses: bool = False, bodyless: bool = False) -> None:
        self._responses, self._bodyless = responses, bodyless
        self._buffer = bytearray()
        self._remaining = 0
        self._step: Callable[[], Event | None] = self._head

    def feed(self, data: bytes) -> Iterator[Event]:
        self._buffer += data
        while (event := self._step()) is not None:
            yield event

    def close(self) -> End:
        """The peer has closed: the End of a body without a length, else ValueError."""
        if self._step != self._until_close:
            raise ValueError("the connection was closed in the middle of a message")
        return End()

    def _head(self) -> Event | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise ValueError("header fields too large")
            return None
        start_line, *lines = self._take(end + 4)[:-4].decode("latin-1").split("\r\n")
        head = Head(start_line, [_field(line) for line in lines])
        self._step = self._body_of(head)
        return head

    def _body_of(self, head: Head) -> Callable[[], Event | None]:
        if self._responses and 100 <= head.status < 200:
            return self._head
        if self._responses and (self._bodyless or head.status in (204, 304)):
            return self._sized
        if "chunked" in (head.get("transfer-encoding") or "").lower():
            return self._chunk_size
        length = head.get("content-length")
        if length is None and self._responses:
            return self._until_close
        if not (length or "0").isdigit():
            raise ValueError(f"not a content length: {length!r}")
        self._remaining = int(length or "0")
        return self._sized

    def _sized(self) -> Event | None:
        if not self._remaining:
            self._step = self._head
            return End()
        return self._body_bytes()

    def _until_close(self) -> Event | None:
        return self._take(len(self._buffer)) or None

    def _chunk_size(self) -> Event | None:
        line = self._line()
        if line is None:
            return None
        self._remaining = int(line.split(";")[0], 16)
        self._step = self._chunk if self._remaining else self._trailers
        return self._step()

    def _chunk(self) -> Event | None:
        if self._remaining:
            return self._body_bytes()
        if len(self._buffer) < 2:
            return None
        self._take(2)
        self._step = self._chunk_size
        return self._step()

    def _trailers(self) -> Event | None:
        if self._buffer.startswith(b"\r\n"):
            self._take(2)
            self._step = self._head
            return End()
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self._take(end + 4)[:-4].decode("latin-1").split("\r\n")
        self._step = self._head
        return End(dict(_field(line) for line in lines))

    def _body_bytes(self) -> bytes | None:
        piece = self._take(min(self._remaining, len(self._buffer)))
        self._remaining -= len(piece)
        return piece or None

    def _line(self) -> str | None:
        end = self._buffer.find(b"\r\n")
        return None if end < 0 else self._take(end + 2)[:-2].decode("latin-1")

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError(f"not a header field: {line!r}")
    return name.lower(), value.strip()
