"""Errors in the shape OpenAI's clients read."""

from __future__ import annotations

import pytest

from meguru.api_errors import ApiError, NotServing, Overloaded, Warming


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
        (Warming(), {"retry-after": "180"}),
        (Overloaded("No."), {"retry-after": "1"}),
    ],
)
def test_headers_say_whether_to_ask_again(error: ApiError, headers: dict[str, str]) -> None:
    assert error.headers() == headers
