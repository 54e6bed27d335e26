"""What a key looks like, and what is kept of it."""

from __future__ import annotations

import re

from meguru.api_key import make_api_key, usage_identifier


def test_every_key_is_another() -> None:
    keys = {make_api_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"mgr-[A-Za-z0-9_-]{43}", key) for key in keys)


def test_what_is_kept_is_no_key() -> None:
    key = make_api_key()
    kept = usage_identifier(key)
    # API Gateway takes values of 20 to 128 characters.
    assert re.fullmatch(r"[0-9a-f]{64}", kept)
    assert kept == usage_identifier(key)
    assert usage_identifier(kept) != kept


def test_whatever_a_header_may_hold_has_a_hash() -> None:
    assert len({usage_identifier(text) for text in ("", "鍵", "\ud800", "x" * 10_000)}) == 4
