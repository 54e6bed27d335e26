"""Concise Binary Object Representation (RFC 8949): what the smithy-rpc-v2-cbor protocol carries."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

_TIMESTAMP_TAG = 1
_MAX_DEPTH = 64
_BREAK = object()


def encode(value: Any) -> bytes:
    """A JSON-like value, with bytes and datetimes, as CBOR; TypeError for anything else."""
    match value:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case float():
            return b"\xfb" + struct.pack(">d", value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            data = value.encode()
            return _head(3, len(data)) + data
        case datetime():
            return _head(6, _TIMESTAMP_TAG) + encode(value.timestamp())
        case dict():
            pairs = (encode(key) + encode(item) for key, item in value.items())
            return _head(5, len(value)) + b"".join(pairs)
        case list() | tuple():
            return _head(4, len(value)) + b"".join(map(encode, value))
    raise TypeError(f"can't be written as CBOR: {type(value).__name__}")


def decode(data: bytes) -> Any:
    """The one value that `data` holds; ValueError where it isn't well-formed CBOR."""
    reader = _Reader(data)
    try:
        value = reader.item(0)
    except (struct.error, IndexError, OverflowError, TypeError) as error:
        raise ValueError(f"not well-formed CBOR: {error}") from error
    if value is _BREAK or reader.position != len(data):
        raise ValueError("not well-formed CBOR: more than one value")
    return value


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for code, (size, limit) in enumerate(((">B", 8), (">H", 16), (">I", 32), (">Q", 64))):
        if argument < 1 << limit:
            return bytes([major << 5 | 24 + code]) + struct.pack(size, argument)
    raise ValueError(f"{argument} doesn't fit 64 bits")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def item(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError(f"CBOR nested deeper than {_MAX_DEPTH}")
        initial = self._take(1)[0]
        major, extra = initial >> 5, initial & 31
        if major == 7:
            return self._simple(extra)
        if extra == 31:
            return self._indefinite(major, depth)
        argument = self._argument(extra)
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self._take(argument)
            case 3:
                return self._take(argument).decode()
            case 4:
                return [self.item(depth + 1) for _ in range(argument)]
            case 5:
                return {self.item(depth + 1): self.item(depth + 1) for _ in range(argument)}
        return self._tagged(argument, depth)

    def _take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._data):
            raise ValueError("CBOR ends too early")
        chunk = self._data[self.position : end]
        self.position = end
        return chunk

    def _argument(self, extra: int) -> int:
        if extra < 24:
            return extra
        if extra > 27:
            raise ValueError(f"reserved CBOR argument {extra}")
        return int.from_bytes(self._take(1 << extra - 24), "big")

    def _simple(self, extra: int) -> Any:
        constants = {20: False, 21: True, 22: None, 23: None, 31: _BREAK}
        if extra in constants:
            return constants[extra]
        formats = {25: ">e", 26: ">f", 27: ">d"}
        if extra not in formats:
            raise ValueError(f"unknown CBOR simple value {extra}")
        return struct.unpack(formats[extra], self._take(1 << extra - 24))[0]

    def _indefinite(self, major: int, depth: int) -> Any:
        items = []
        while (item := self.item(depth + 1)) is not _BREAK:
            items.append(item)
        match major:
            case 2:
                return b"".join(items)
            case 3:
                return "".join(items)
            case 4:
                return items
            case 5:
                return dict(zip(items[::2], items[1::2], strict=True))
        raise ValueError(f"CBOR major type {major} can't be of indefinite length")

    def _tagged(self, tag: int, depth: int) -> Any:
        value = self.item(depth + 1)
        return datetime.fromtimestamp(value, UTC) if tag == _TIMESTAMP_TAG else value
