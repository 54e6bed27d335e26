"""Errors in the shape OpenAI's clients read."""

from __future__ import annotations

import pytest

from meguru.api_errors import ApiError, NotServing, Overloaded, QuotaExceeded, RateLimited
from meguru.rate_limits import RateLimit, RateLimits


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (404, "invalid_request_error"),
        (403, "permission_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
def test_body(status: int, kind: str) -> None:
    error = ApiError(status, "No.", code="c", param="p")
    assert error.body() == {"error": {"message": "No.", "type": kind, "param": "p", "code": "c"}}
    assert str(error) == "No."


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (ApiError(500, "No.", code="c"), {}),
        (ApiError(504, "No.", code="c", may_have_answered=True), {"x-should-retry": "false"}),
        (NotServing(), {"retry-after": "10"}),
        (Overloaded("No."), {"retry-after": "1"}),
    ],
)
def test_headers_say_whether_to_ask_again(error: ApiError, headers: dict[str, str]) -> None:
    assert error.headers() == headers


def test_who_has_nothing_left_is_told_what_and_until_when() -> None:
    limits = RateLimits(tokens=RateLimit(100, -3, 41.2))
    said = {
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "42s",
    }
    assert QuotaExceeded("No.", limits).headers() == {**said, "x-should-retry": "false"}
    assert RateLimited("No.", 42, limits).headers() == {**said, "retry-after": "42"}
