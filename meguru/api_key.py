"""API keys: what a consumer holds, and the one-way form of it that is kept."""

from __future__ import annotations

import secrets

from meguru.fingerprint import sha256_hex

# So that a key which has got into a text or a repository is found there.
PREFIX = "mgr-"
NUM_RANDOM_BYTES = 32


def make_api_key() -> str:
    """A new key: `mgr-` and 43 characters of A-Z, a-z, 0-9, - and _ (256 random bits)."""
    return PREFIX + secrets.token_urlsafe(NUM_RANDOM_BYTES)


def usage_identifier(api_key: str) -> str:
    """What API Gateway knows a key by: its SHA-256, 64 hexadecimal digits.

    A key is random, so that nobody finds it from its hash; and the hash opens nothing, as it is
    hashed again when it is sent.
    """
    return sha256_hex(api_key.encode("utf-8", "surrogatepass"))
