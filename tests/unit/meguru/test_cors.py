"""Which pages may read an answer."""

from __future__ import annotations

from meguru.cors import cors_headers

PAGE = "https://chat.example.co.jp"


def test_where_none_may_nothing_is_said() -> None:
    assert cors_headers(PAGE, []) == {}


def test_only_the_pages_that_are_named_may() -> None:
    allowed = cors_headers(PAGE, [PAGE])
    assert allowed["access-control-allow-origin"] == PAGE
    assert "x-ratelimit-remaining-tokens" in allowed["access-control-expose-headers"]
    for origin in (None, "null", PAGE + ".evil.example", "https://example.co.jp"):
        assert cors_headers(origin, [PAGE]) == {"vary": "origin"}
