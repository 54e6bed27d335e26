"""API Gateway's own refusals: JSON in OpenAI's shape, whatever the message says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from meguru.api_errors import BodyTooLarge

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

MESSAGES = (
    "Missing Authentication Token",
    'say "no"',
    "two\nlines",
    "back\\slash",
    "タブ\tと日本語",
    "'single'",
    "${context.requestId}",
    "</script>",
    "",
)


def rendered(template: str, message: str) -> Any:
    """The body as API Gateway makes it: `messageString` is the message as a JSON string.

    Source: API Gateway developer guide, "Gateway response types", `$context.error.messageString`.
    """
    return json.loads(template.replace("$context.error.messageString", json.dumps(message)))


@pytest.mark.parametrize("message", MESSAGES)
def test_every_refusal_is_openai_s_error_object(synthesis: Synthesis, message: str) -> None:
    responses = list(synthesis.resources("AWS::ApiGateway::GatewayResponse"))
    assert len(responses) == 10
    for response in responses:
        [template] = response.properties["ResponseTemplates"].values()
        body = rendered(template, message)
        assert set(body) == {"error"}, response.path
        assert set(body["error"]) == {"message", "type", "param", "code"}, response.path
        assert isinstance(body["error"]["message"], str)
        assert isinstance(body["error"]["type"], str)
        assert isinstance(body["error"]["code"], str)


def test_a_body_that_is_too_large_has_one_code_wherever_that_is_found(synthesis: Synthesis) -> None:
    [template] = [
        template
        for response in synthesis.resources("AWS::ApiGateway::GatewayResponse")
        if response.properties["ResponseType"] == "REQUEST_TOO_LARGE"
        for template in response.properties["ResponseTemplates"].values()
    ]
    error = BodyTooLarge(1).body()["error"]
    assert rendered(template, "")["error"] == error | {"message": "The request body is too large."}


def test_both_defaults_pass_or_hide_the_gateway_s_message(synthesis: Synthesis) -> None:
    """A caller's mistake is explained; what broke here is not."""
    templates = {
        response.properties["ResponseType"]: next(
            iter(response.properties["ResponseTemplates"].values())
        )
        for response in synthesis.resources("AWS::ApiGateway::GatewayResponse")
    }
    assert rendered(templates["DEFAULT_4XX"], "what")["error"]["message"] == "what"
    assert "secret" not in json.dumps(rendered(templates["DEFAULT_5XX"], "secret"))


def test_every_refusal_has_a_status_and_a_request_id(synthesis: Synthesis) -> None:
    for response in synthesis.resources("AWS::ApiGateway::GatewayResponse"):
        kind = response.properties["ResponseType"]
        status = response.properties.get("StatusCode")
        assert status is None or re.fullmatch(r"[45]\d\d", status)
        assert (status is None) == kind.startswith("DEFAULT_")
        headers = response.properties["ResponseParameters"]
        assert headers["gatewayresponse.header.x-request-id"] == "context.requestId"
    throttled = {
        response.properties["ResponseType"]: response.properties["ResponseParameters"]
        for response in synthesis.resources("AWS::ApiGateway::GatewayResponse")
    }
    assert throttled["THROTTLED"]["gatewayresponse.header.retry-after"] == "'1'"
    # To ask again is in vain, or paid for twice; API Gateway takes quoted text for a constant.
    name = "gatewayresponse.header.x-should-retry"
    final = {kind: headers[name] for kind, headers in throttled.items() if name in headers}
    assert final == {"QUOTA_EXCEEDED": "'false'", "INTEGRATION_TIMEOUT": "'false'"}
