"""Answers that pages of named origins may read: the browser asks first, without a key."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway

from stacks.environment import Environment


def preflight(environment: Environment) -> apigateway.CorsOptions | None:
    """What API Gateway answers a browser that asks; None where no page may read."""
    origins = environment.api.cors
    if not origins:
        return None
    return apigateway.CorsOptions(
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        # The key's header has to be named; OpenAI's clients send a dozen others.
        allow_headers=["*", "authorization"],
        max_age=Duration.hours(1),
    )


def refusal_headers(environment: Environment) -> dict[str, str]:
    """What API Gateway's own refusals say, as its response parameters have it."""
    origins = environment.api.cors
    if not origins:
        return {}
    # It can't choose among several. A refusal tells nothing that isn't in the documentation.
    allowed = f"'{origins[0]}'" if len(origins) == 1 else "method.request.header.origin"
    return {
        "access-control-allow-origin": allowed,
        "access-control-expose-headers": "'x-request-id, retry-after, x-should-retry'",
        "vary": "'origin'",
    }
