"""Errors of the inference API, in the shape OpenAI's clients read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

UNKNOWN_PATH = (
    "There is nothing at this path and method. "
    "See /v1/models, /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/feedback and "
    "/v1/usage; /v1/openapi.json describes them."
)
INVALID_API_KEY = "This API key is not valid here."
# Where models are asked, by their kind.
PATHS = {"text": "/v1/chat/completions", "embedding": "/v1/embeddings"}
# Of a body, wherever on its way it is found too large.
REQUEST_TOO_LARGE = "request_too_large"
# What SageMaker says of an endpoint that is not there, or not yet.
NOT_SERVING = (
    "ValidationError",
    "ValidationException",
    "ServiceUnavailable",
    "ModelNotReadyException",
)


# OpenAI's clients ask again by themselves, after any 5xx, unless a response says this.
DONT_RETRY = {"x-should-retry": "false"}


class ApiError(Exception):
    """A refusal with its HTTP status, and a code for programs to go by.

    `param` names the member at fault, as OpenAI's errors do.

    Of one that `may_have_answered` a client must not ask again by itself: the model may have done
    the work, and would do it a second time.
    """

    # When it makes sense to ask again, where it does at all.
    retry_after_seconds: int | None = None
    # Whether the model has done nothing of what another one may do at once.
    is_elsewhere = False

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        may_have_answered: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.may_have_answered = may_have_answered

    def body(self) -> dict[str, Any]:
        return error_body(self.message, error_type(self.status), code=self.code, param=self.param)

    def headers(self) -> dict[str, str]:
        """What a client that asks again by itself goes by."""
        if self.may_have_answered:
            return DONT_RETRY
        seconds = self.retry_after_seconds
        return {} if seconds is None else {"retry-after": str(seconds)}


class BodyTooLarge(ApiError):
    """A body of more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            413, f"The request body is larger than {limit} bytes.", code=REQUEST_TOO_LARGE
        )


class NotServing(ApiError):
    """No model version answers now: none was released yet, or the endpoint is being changed."""

    retry_after_seconds = 10
    is_elsewhere = True

    def __init__(self) -> None:
        super().__init__(503, "No model is serving yet. Try again later.", code="model_not_ready")


class Warming(ApiError):
    """No copy of the model is there: nobody had asked, and this request has one started.

    It is ready in about so many `seconds`: an instance and its container take minutes. Source of
    the words: SageMaker's refusal of a request to an inference component without copies.
    """

    WORDS = "no capacity to process this request"
    is_elsewhere = True

    def __init__(self, seconds: int = 180) -> None:
        self.retry_after_seconds = seconds
        message = f"The model is warming: ready in about {seconds} s."
        super().__init__(503, message, code="model_warming")


class Overloaded(ApiError):
    """There is more to answer than can be taken in now.

    A container says so with 429: SageMaker counts its 5xx as the version's errors, and an alarm on
    those takes a release back.
    """

    retry_after_seconds = 1

    def __init__(self, message: str, *, status: int = 503) -> None:
        super().__init__(status, message, code="overloaded")
        # A model's own: 429 says that of a budget, which all models have in common.
        self.is_elsewhere = status == 503


class InvalidApiKey(ApiError):
    """A key that nobody has, or nobody any more; API Gateway's own refusal says the same."""

    def __init__(self) -> None:
        super().__init__(403, INVALID_API_KEY, code="invalid_api_key")


def unknown_path() -> ApiError:
    return ApiError(404, UNKNOWN_PATH, code="unknown_url")


def unknown_model(model: str, served: Iterable[str]) -> ApiError:
    names = ", ".join(f"'{name}'" for name in served)
    return ApiError(
        404,
        f"The model '{model[:100]}' does not exist; this API serves {names}.",
        code="model_not_found",
        param="model",
    )


def model_not_allowed(model: str, allowed: Iterable[str]) -> ApiError:
    names = ", ".join(f"'{name}'" for name in allowed) or "none"
    message = f"The model '{model}' is not for this API key's consumer, whose models are: {names}."
    return ApiError(403, message, code="model_not_allowed", param="model")


def other_kind(model: str, kind: str) -> ApiError:
    message = f"The model '{model}' is of kind {kind}, and is asked at {PATHS[kind]}."
    return ApiError(400, message, code="model_not_supported", param="model")


def error_body(message: str, kind: str, *, code: str, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object (platform documentation, "Error codes")."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_type(status: int) -> str:
    """The error type OpenAI gives with an HTTP status."""
    if status in (401, 403):
        return "permission_error"
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"
