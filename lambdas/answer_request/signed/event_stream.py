"""AWS's event streams, read message by message.

Source: Amazon Transcribe developer guide, "Event stream encoding"; Smithy, "Amazon Event Stream".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

_PRELUDE = struct.Struct("!III")
_STRING = 7
# Of a header's value, by its type; types 6 and 7 say their own.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


def messages(pieces: Iterable[bytes]) -> Iterator[tuple[dict[str, str], bytes]]:
    """Each message's headers that are texts, and its payload; ValueError where one is damaged."""
    received = b""
    for piece in pieces:
        received += piece
        while len(received) >= _PRELUDE.size:
            total, headers_size, checksum = _PRELUDE.unpack_from(received)
            if zlib.crc32(received[:8]) != checksum:
                raise ValueError("a message's prelude is damaged")
            if len(received) < total:
                break
            message, received = received[:total], received[total:]
            if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:]):
                raise ValueError("a message is damaged")
            begin = _PRELUDE.size + headers_size
            yield _headers(message[_PRELUDE.size : begin]), message[begin:-4]
    if received:
        raise ValueError("the stream ended within a message")


def _headers(data: bytes) -> dict[str, str]:
    headers, at = {}, 0
    while at < len(data):
        name_end = at + 1 + data[at]
        name, kind = data[at + 1 : name_end].decode(), data[name_end]
        at = name_end + 1
        size = _SIZES.get(kind)
        if size is None:
            size = int.from_bytes(data[at : at + 2])
            at += 2
        if kind == _STRING:
            headers[name] = data[at : at + size].decode()
        at += size
    return headers
