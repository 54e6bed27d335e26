"""API Gateway's own refusals, in the shape OpenAI's clients read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_apigateway as apigateway

from meguru.api_errors import (
    DONT_RETRY,
    REQUEST_TOO_LARGE,
    UNKNOWN_PATH,
    error_body,
    error_type,
)

# API Gateway puts its own message here, quoted and escaped as JSON.
GATEWAY_MESSAGE = "$context.error.messageString"


@dataclass(frozen=True)
class Refusal:
    """One gateway response. A status of None leaves API Gateway's own."""

    type: apigateway.ResponseType
    status: int | None
    code: str
    message: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


REFUSALS = (
    Refusal(
        apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN,
        404,
        "unknown_url",
        UNKNOWN_PATH,
    ),
    Refusal(
        apigateway.ResponseType.ACCESS_DENIED,
        403,
        "missing_api_key",
        "An API key is needed: send 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
    ),
    Refusal(
        apigateway.ResponseType.UNAUTHORIZED,
        401,
        "missing_api_key",
        "An API key is needed: send 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
    ),
    Refusal(
        apigateway.ResponseType.INVALID_API_KEY,
        403,
        "invalid_api_key",
        "This API key is not valid here.",
    ),
    Refusal(
        apigateway.ResponseType.THROTTLED,
        429,
        "rate_limit_exceeded",
        "Too many requests for this API key. Slow down and try again.",
        {"retry-after": "1"},
    ),
    Refusal(
        apigateway.ResponseType.QUOTA_EXCEEDED,
        429,
        "insufficient_quota",
        "The quota of this API key is used up. Ask whoever gave you the key.",
        # To try again can't help.
        DONT_RETRY,
    ),
    Refusal(
        apigateway.ResponseType.REQUEST_TOO_LARGE,
        413,
        REQUEST_TOO_LARGE,
        "The request body is too large.",
    ),
    Refusal(apigateway.ResponseType.DEFAULT_4_XX, None, "invalid_request"),
    Refusal(
        apigateway.ResponseType.INTEGRATION_TIMEOUT,
        504,
        "timeout",
        "The model took too long to answer.",
        # It goes on all the same.
        DONT_RETRY,
    ),
    Refusal(
        apigateway.ResponseType.DEFAULT_5_XX,
        None,
        "internal_error",
        "The server had an error. Try again.",
    ),
)


def add_gateway_responses(api: apigateway.RestApi, headers: Mapping[str, str]) -> None:
    """Give every refusal of API Gateway itself OpenAI's error object and a request id.

    `headers` are more of them, their values as API Gateway's response parameters have them.
    """
    for refusal in REFUSALS:
        api.add_gateway_response(
            _construct_id(refusal.type),
            type=refusal.type,
            status_code=str(refusal.status) if refusal.status else None,
            response_headers={
                "x-request-id": "context.requestId",
                **{name: f"'{value}'" for name, value in refusal.headers.items()},
                **headers,
            },
            templates={"application/json": template(refusal)},
        )


def template(refusal: Refusal) -> str:
    """The body's mapping template."""
    status = refusal.status or (400 if refusal.type.response_type == "DEFAULT_4XX" else 500)
    body = json.dumps(
        error_body(refusal.message or GATEWAY_MESSAGE, error_type(status), code=refusal.code)
    )
    return body.replace(f'"{GATEWAY_MESSAGE}"', GATEWAY_MESSAGE)


def _construct_id(response_type: apigateway.ResponseType) -> str:
    return response_type.response_type.title().replace("_", "")
