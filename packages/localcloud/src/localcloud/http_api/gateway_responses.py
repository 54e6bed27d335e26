"""Gateway responses: what API Gateway itself answers, as the API customises it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# Status by response type; None: whatever the failure itself says.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
DEFAULT_STATUS: dict[str, int | None] = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_FAILURE": 500,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
    "EXPIRED_TOKEN": 403,
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}

_ERROR_TYPE = {
    "ACCESS_DENIED": "AccessDeniedException",
    "API_CONFIGURATION_ERROR": "InternalServerErrorException",
    "AUTHORIZER_CONFIGURATION_ERROR": "AuthorizerConfigurationException",
    "AUTHORIZER_FAILURE": "AuthorizerFailureException",
    "BAD_REQUEST_BODY": "BadRequestException",
    "BAD_REQUEST_PARAMETERS": "BadRequestException",
    "DEFAULT_4XX": "BadRequestException",
    "DEFAULT_5XX": "InternalServerErrorException",
    "EXPIRED_TOKEN": "ExpiredTokenException",
    "INTEGRATION_FAILURE": "InternalServerErrorException",
    "INTEGRATION_TIMEOUT": "InternalServerErrorException",
    "INVALID_API_KEY": "ForbiddenException",
    "INVALID_SIGNATURE": "InvalidSignatureException",
    "MISSING_AUTHENTICATION_TOKEN": "MissingAuthenticationTokenException",
    "QUOTA_EXCEEDED": "LimitExceededException",
    "REQUEST_TOO_LARGE": "RequestTooLongException",
    "RESOURCE_NOT_FOUND": "NotFoundException",
    "THROTTLED": "TooManyRequestsException",
    "UNAUTHORIZED": "UnauthorizedException",
    "UNSUPPORTED_MEDIA_TYPE": "UnsupportedMediaTypeException",
    "WAF_FILTERED": "ForbiddenException",
}

_VARIABLE = re.compile(r"\$(?:\{([\w.\-]+)\}|([A-Za-z][\w.\-]*))")


class GatewayError(Exception):
    """The front ends a request with a gateway response.

    `status` is used where neither the API nor the response type sets one; `validation` is what
    `$context.error.validationErrorString` says.
    """

    def __init__(
        self,
        response_type: str,
        message: str | None,
        status: int | None = None,
        validation: str | None = None,
    ) -> None:
        super().__init__(message)
        self.response_type, self.message = response_type, message
        self.validation = validation
        self.status = status or DEFAULT_STATUS[response_type] or 500


def error_context(error: GatewayError) -> dict[str, Any]:
    """The members of `$context.error` for a failure."""
    context = {
        "message": error.message,
        "messageString": json.dumps(error.message, ensure_ascii=False),
        "responseType": error.response_type,
    }
    if error.validation is not None:
        context["validationErrorString"] = error.validation
    return context


def answer(
    error: GatewayError,
    responses: Mapping[str, dict[str, Any]],
    variables: Mapping[str, Any],
    accept: str,
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of a failure under the API's gateway responses.

    `variables` has `context`, `stageVariables` and `method` (`method.request.header.X`), nested.
    A type that the API does not set falls back to its DEFAULT_4XX or DEFAULT_5XX.
    """
    default = "DEFAULT_4XX" if error.status < 500 else "DEFAULT_5XX"
    custom = responses.get(error.response_type) or responses.get(default) or {}
    status = int(custom.get("statusCode") or error.status)
    headers = {"x-amzn-ErrorType": _ERROR_TYPE[error.response_type]}
    content_type, template = _template(custom.get("responseTemplates") or {}, accept)
    headers["Content-Type"] = content_type
    for name, expression in (custom.get("responseParameters") or {}).items():
        value = _parameter(expression, variables)
        if name.startswith("gatewayresponse.header.") and value is not None:
            headers[name.removeprefix("gatewayresponse.header.")] = value
    return status, headers, substitute(template, variables)


def _template(templates: Mapping[str, str], accept: str) -> tuple[str, str]:
    for wanted in [media.split(";")[0].strip() for media in accept.split(",")]:
        if wanted in templates:
            return wanted, templates[wanted]
    if "application/json" in templates or not templates:
        default = '{"message":$context.error.messageString}'
        return "application/json", templates.get("application/json", default)
    return next(iter(templates.items()))


def _parameter(expression: str, variables: Mapping[str, Any]) -> str | None:
    if len(expression) >= 2 and expression[0] == expression[-1] == "'":
        return expression[1:-1]
    value = look_up(expression, variables)
    return None if value is None else str(value)


def substitute(template: str, variables: Mapping[str, Any]) -> str:
    """Replace `$context.x.y` and `${context.x.y}`; what is unknown becomes `-` as in access logs.

    Gateway responses and access logs know these variables only, not Velocity's directives.
    """

    def replacement(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name.split(".")[0] not in variables:
            return match[0]
        trimmed = name.rstrip(".-")
        value = look_up(trimmed, variables)
        return ("-" if value is None else text(value)) + name[len(trimmed) :]

    return _VARIABLE.sub(replacement, template)


def look_up(name: str, variables: Mapping[str, Any]) -> Any:
    """The value at a dotted name; header names are found in any case."""
    value: Any = variables
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part, value.get(part.lower()))
    return value


def text(value: Any) -> str:
    """A variable's value as text: JSON for what is not a string."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
