"""Mapping templates (Velocity) and parameter mappings of non-proxy integrations."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, unquote

import airspeed
import jsonpath

from localcloud.http_api import velocity
from localcloud.http_api.exchange import Exchange
from localcloud.http_api.gateway_responses import look_up


class MappingError(Exception):
    """A template could not be evaluated on this request."""


def check_template(template: str) -> None:
    """ValueError where the template is not Velocity that can be evaluated here."""
    try:
        velocity.compiled(template)
    except airspeed.TemplateError as error:
        raise ValueError(str(error)) from None


class Input:
    """`$input`: the payload and the request's parameters.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
    """

    def __init__(self, body: str, exchange: Exchange) -> None:
        self.body = body
        self._exchange = exchange

    def path(self, expression: str) -> Any:
        """The object at a JSONPath of the payload."""
        try:
            payload = json.loads(self.body) if self.body.strip() else {}
            query = jsonpath.compile(expression)
            found = query.findall(payload)
        except (ValueError, jsonpath.JSONPathError) as error:
            raise MappingError(f"$input.path({expression!r}): {error}") from None
        if not isinstance(query, jsonpath.JSONPath) or not query.singular_query():
            return found
        return found[0] if found else ""

    def json(self, expression: str) -> str:
        """The same, as JSON text."""
        value = self.path(expression)
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def params(self, name: str | None = None) -> Any:
        """One parameter (path, then query string, then header), or all by place."""
        exchange = self._exchange
        if name is not None:
            path, query = exchange.matched.path_parameters, exchange.query
            if name in path:
                return unquote(path[name])
            return query[name][-1] if name in query else exchange.header(name) or ""
        return {
            "path": {k: unquote(v) for k, v in exchange.matched.path_parameters.items()},
            "querystring": {k: v[-1] for k, v in exchange.query.items()},
            "header": {k: v[-1] for k, v in exchange.headers.items()},
        }


class Util:
    """`$util`."""

    def escapeJavaScript(self, value: object) -> str:  # noqa: N802 (the template's own name)
        escaped = json.dumps(str(value), ensure_ascii=False)[1:-1]
        return escaped.replace("'", "\\'").replace("/", "\\/")

    def parseJson(self, value: str) -> Any:  # noqa: N802 (the template's own name)
        try:
            return json.loads(value)
        except ValueError as error:
            raise MappingError(f"$util.parseJson: {error}") from None

    def urlEncode(self, value: object) -> str:  # noqa: N802 (the template's own name)
        return quote(str(value), safe="")

    def urlDecode(self, value: object) -> str:  # noqa: N802 (the template's own name)
        return unquote(str(value).replace("+", " "))

    def base64Encode(self, value: object) -> str:  # noqa: N802 (the template's own name)
        return base64.b64encode(str(value).encode()).decode()

    def base64Decode(self, value: object) -> str:  # noqa: N802 (the template's own name)
        return base64.b64decode(str(value)).decode("utf-8", "replace")


def render(template: str, body: str, exchange: Exchange, overrides: dict[str, Any]) -> str:
    """Evaluate a mapping template.

    `overrides` gets what the template sets in `$context.requestOverride` or
    `$context.responseOverride`. MappingError when it can't be evaluated.
    """
    context = exchange.context
    for kind in ("requestOverride", "responseOverride"):
        context[kind] = overrides.setdefault(kind, {"header": {}, "path": {}, "querystring": {}})
    namespace = {
        "input": Input(body, exchange),
        "util": Util(),
        "context": context,
        "stageVariables": exchange.stage_variables,
    }
    try:
        rendered: str = velocity.compiled(template).merge(namespace)
    except airspeed.TemplateError as error:
        raise MappingError(str(error)) from error
    return rendered


def request_value(expression: str, exchange: Exchange) -> str | None:
    """An integration request parameter's value: a quoted literal or a mapping expression."""
    if expression.startswith("'") and expression.endswith("'"):
        return expression[1:-1]
    if expression.startswith("method.request.body"):
        body = Input(exchange.text_body, exchange)
        value = body.path("$" + expression.removeprefix("method.request.body"))
        return value if isinstance(value, str) else json.dumps(value)
    return exchange.parameter(expression)


def response_value(
    expression: str, exchange: Exchange, headers: dict[str, str], body: str
) -> str | None:
    """A method response parameter's value: literal, or from the integration's response."""
    if expression.startswith("'") and expression.endswith("'"):
        return expression[1:-1]
    if expression.startswith("integration.response.header."):
        name = expression.removeprefix("integration.response.header.").lower()
        return next((v for k, v in headers.items() if k.lower() == name), None)
    if expression.startswith("integration.response.body"):
        found = Input(body, exchange).path(
            "$" + expression.removeprefix("integration.response.body")
        )
        return found if isinstance(found, str) else json.dumps(found)
    value = look_up(expression, {"context": exchange.context})
    return exchange.parameter(expression) if value is None else str(value)
