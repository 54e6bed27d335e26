"""What a caller is told when a request can't be carried out, in OpenAI's error shape."""

from __future__ import annotations

from typing import Any


class RequestError(Exception):
    """An error of the API: https://platform.openai.com/docs/guides/error-codes."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.param, self.code = message, param, code
        self.status, self.kind, self.retry_after_seconds = status, kind, retry_after_seconds

    def body(self) -> dict[str, Any]:
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }


def overloaded(message: str) -> RequestError:
    """The container can't take the request now; the caller may try again soon."""
    return RequestError(
        message, code="overloaded", status=503, kind="server_error", retry_after_seconds=1
    )
