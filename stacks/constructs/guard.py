"""What the API's function is told of the guard, and may ask of Bedrock."""

from __future__ import annotations

import json

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from stacks.constructs.grants import grant
from stacks.environment.guard import Guard


def guard_files(guard: Guard) -> dict[str, str]:
    """The file of its settings, where there are any."""
    settings = guard.settings()
    return {"guard.json": json.dumps(settings, ensure_ascii=False)} if settings else {}


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
