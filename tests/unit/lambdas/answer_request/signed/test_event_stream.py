"""Event streams that are cut anywhere, beside botocore's reader, and damaged ones."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from lambdas.answer_request.signed.event_stream import messages


def encoded(headers: dict[str, tuple[int, bytes]], payload: bytes) -> bytes:
    written = b"".join(
        bytes([len(name)]) + name.encode() + bytes([kind]) + value
        for name, (kind, value) in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(written) + len(payload), len(written))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    message = prelude + written + payload
    return message + struct.pack("!I", zlib.crc32(message))


def text(value: str) -> tuple[int, bytes]:
    return 7, struct.pack("!H", len(value.encode())) + value.encode()


HEADERS = {
    ":event-type": text("PayloadPart"),
    "yes": (0, b""),
    "byte": (2, b"\x01"),
    "number": (4, b"\0\0\0\x07"),
    "bytes": (6, b"\0\x03abc"),
    "moment": (8, b"\0" * 8),
    "id": (9, b"\0" * 16),
    ":message-type": text("event"),
}
STREAM = encoded(HEADERS, "経費".encode()) + encoded({}, b"") + encoded(HEADERS, b"x" * 1000)


@pytest.mark.parametrize("size", [1, 7, 64, len(STREAM)])
def test_messages_as_botocore_reads_them(size: int) -> None:
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    theirs: Any = EventStreamBuffer()
    theirs.add_data(STREAM)
    expected = [
        ({name: one for name, one in event.headers.items() if isinstance(one, str)}, event.payload)
        for event in theirs
    ]
    for headers, _ in expected:
        headers.pop("id", None)  # botocore has no type of its own for it
    assert list(messages(pieces)) == expected


@pytest.mark.parametrize("at", [3, 9, 20, len(STREAM) - 2])
def test_a_damaged_byte_is_seen(at: int) -> None:
    damaged = STREAM[:at] + bytes([STREAM[at] ^ 1]) + STREAM[at + 1 :]
    with pytest.raises(ValueError, match="damaged"):
        list(messages([damaged]))


def test_a_stream_that_breaks_off() -> None:
    with pytest.raises(ValueError, match="within a message"):
        list(messages([STREAM[:-1]]))
