"""What the API's function may ask of Bedrock's guardrail."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from stacks.constructs.grants import grant
from stacks.environment.guard import Guard


def grant_guard(function: lambda_.Function, guard: Guard) -> None:
    """Let `function` ask the guardrail of Bedrock, which may be another account's."""
    if guard.bedrock is None:
        return
    guardrail = guard.bedrock.guardrail
    if not guardrail.startswith("arn:"):
        guardrail = Stack.of(function).format_arn(
            service="bedrock", resource="guardrail", resource_name=guardrail
        )
    grant(function, "bedrock:ApplyGuardrail", guardrail)
