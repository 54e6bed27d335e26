"""The digests that a client sends of a body, and whether they are the body's."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

from localcloud.calls import ServiceError

# Castagnoli's polynomial, its lowest bit first: https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
_CASTAGNOLI = 0x82F63B78


def crc32c(body: bytes) -> int:
    """CRC-32C (RFC 3720), which the standard library lacks; takes about 0.1 s for a megabyte."""
    table, remainder = _crc32c_table(), 0xFFFFFFFF
    for byte in body:
        remainder = table[(remainder ^ byte) & 0xFF] ^ (remainder >> 8)
    return remainder ^ 0xFFFFFFFF


@cache
def _crc32c_table() -> tuple[int, ...]:
    return tuple(_remainder(byte) for byte in range(256))


def _remainder(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (_CASTAGNOLI if value & 1 else 0)
    return value


_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "ContentMD5": lambda body: hashlib.md5(body, usedforsecurity=False).digest(),
    "ChecksumCRC32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "ChecksumCRC32C": lambda body: crc32c(body).to_bytes(4, "big"),
    "ChecksumSHA1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "ChecksumSHA256": lambda body: hashlib.sha256(body).digest(),
}


def check_digests(request: dict[str, Any]) -> None:
    """Refuse a body (BadDigest) that isn't what one of its digests says."""
    body = request.get("Body", b"")
    if not isinstance(body, bytes) or "aws-chunked" in request.get("ContentEncoding", ""):
        return
    for member, digest in _DIGESTS.items():
        if member in request and request[member] != base64.b64encode(digest(body)).decode():
            name = member.removeprefix("Content").removeprefix("Checksum")
            message = f"The {name} you specified did not match the calculated checksum."
            raise ServiceError("BadDigest", message)
