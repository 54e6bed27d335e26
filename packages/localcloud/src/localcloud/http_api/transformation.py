"""Non-proxy integrations: the request an integration gets, and the response a client gets."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from localcloud.http_api.answers import Answer
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.http_api.mapping import MappingError, render, request_value, response_value
from localcloud.http_api.state import Record


@dataclass
class IntegrationRequest:
    """What goes to the integration's endpoint."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    path: dict[str, str] = field(default_factory=dict)


def integration_request(exchange: Exchange, integration: Record) -> IntegrationRequest:
    """Apply request templates and parameters; UNSUPPORTED_MEDIA_TYPE where none fits."""
    overrides: dict[str, Any] = {}
    template = _request_template(exchange, integration)
    body = exchange.body
    try:
        if template is not None:
            text = exchange.text_body
            if integration.get("contentHandling") == "CONVERT_TO_TEXT":
                text = base64.b64encode(body).decode()
            body = render(template, text, exchange, overrides).encode()
        made = IntegrationRequest(body)
        for target, expression in (integration.get("requestParameters") or {}).items():
            value = request_value(expression, exchange)
            if value is not None:
                place, _, name = target.removeprefix("integration.request.").partition(".")
                _place(made, place)[name] = unquote(value) if place == "path" else value
    except MappingError:
        raise GatewayError("DEFAULT_5XX", "Internal server error") from None
    changed = overrides.get("requestOverride", {})
    for place in ("header", "querystring", "path"):
        _place(made, place).update({k: str(v) for k, v in changed.get(place, {}).items()})
    return made


def _place(request: IntegrationRequest, place: str) -> dict[str, str]:
    return {"header": request.headers, "path": request.path}.get(place, request.query)


def _request_template(exchange: Exchange, integration: Record) -> str | None:
    templates: dict[str, str] = integration.get("requestTemplates") or {}
    content_type = exchange.header("Content-Type") or "application/json"
    plain = content_type.split(";")[0].strip().lower()
    for media_type, template in templates.items():
        if media_type.lower() in (plain, content_type.lower(), "$default"):
            return template
    behavior = integration.get("passthroughBehavior", "WHEN_NO_MATCH")
    if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
    return None


def method_response(
    exchange: Exchange, integration: Record, answer: Answer, selected_by: str
) -> Answer:
    """The response whose selectionPattern matches `selected_by`, templates and headers applied."""
    response = _selected(integration.get("integrationResponses") or {}, selected_by)
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    text, headers = body.decode("utf-8", "replace"), dict(answer.headers)
    overrides: dict[str, Any] = {}
    made = Answer(int(response["statusCode"]), [], body)
    content_type, template = _response_template(exchange, response)
    try:
        if template is not None:
            made.body = render(template, text, exchange, overrides).encode()
        names = {"content-type": ("Content-Type", content_type)}
        for target, expression in (response.get("responseParameters") or {}).items():
            value = response_value(expression, exchange, headers, text)
            name = target.removeprefix("method.response.header.")
            if value is not None and name != target:
                names[name.lower()] = (name, value)
    except MappingError:
        raise GatewayError("DEFAULT_5XX", "Internal server error") from None
    changed = overrides.get("responseOverride", {})
    for name, value in changed.get("header", {}).items():
        names[name.lower()] = (name, str(value))
    made.status = int(changed.get("status") or made.status)
    made.headers = list(names.values())
    made.body = _converted(made.body, response.get("contentHandling"))
    return made


def _selected(responses: dict[str, Record], selected_by: str) -> Record:
    for response in responses.values():
        pattern = response.get("selectionPattern")
        if pattern and re.fullmatch(pattern, selected_by, re.DOTALL):
            return response
    for response in responses.values():
        if not response.get("selectionPattern"):
            return response
    raise GatewayError("API_CONFIGURATION_ERROR", "Internal server error")


def _response_template(exchange: Exchange, response: Record) -> tuple[str, str | None]:
    templates: dict[str, str] = response.get("responseTemplates") or {}
    for wanted in (exchange.header("Accept") or "").split(","):
        plain = wanted.split(";")[0].strip()
        if plain in templates:
            return plain, templates[plain] or None
    if "application/json" in templates or not templates:
        # An empty template passes the body on.
        return "application/json", templates.get("application/json") or None
    return next(iter(templates.items()))


def _converted(body: Any, handling: str | None) -> bytes:
    assert isinstance(body, bytes)
    if handling == "CONVERT_TO_TEXT":
        return base64.b64encode(body)
    if handling == "CONVERT_TO_BINARY":
        try:
            return base64.b64decode(body)
        except binascii.Error:
            raise GatewayError("API_CONFIGURATION_ERROR", "Internal server error") from None
    return body


_MOCK_STATUS = re.compile(r"""["']?statusCode["']?\s*:\s*["']?(\d{3})\b""")


def mock(exchange: Exchange, integration: Record) -> Answer:
    """MOCK: the request template says with which status to answer."""
    request = integration_request(exchange, integration)
    # What CDK writes, `{ statusCode: 200 }`, is no JSON, and API Gateway takes it.
    found = _MOCK_STATUS.search(request.body.decode("utf-8", "replace"))
    if found is None:
        raise GatewayError("DEFAULT_5XX", "Internal server error")
    return method_response(exchange, integration, Answer(int(found[1])), found[1])


def lambda_error(payload: bytes) -> str:
    """The errorMessage of a failed function, which selectionPattern is matched with."""
    try:
        error = json.loads(payload)
    except ValueError:
        return ""
    return str(error.get("errorMessage", "")) if isinstance(error, dict) else ""
