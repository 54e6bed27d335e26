"""Authorizes a request: finds the API key where OpenAI's clients or API Gateway's put it."""

from __future__ import annotations

from typing import Any

from meguru.api_key import usage_identifier

BEARER = "bearer "


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A REQUEST authorizer's answer: API Gateway holds the key against the usage plan.

    API Gateway knows a key by its hash alone, which `usageIdentifierKey` is: whether it exists, and
    what it may still spend, is for the usage plan to say. A request without a key is denied.
    """
    key = find_api_key(event.get("headers") or {})
    return {
        "principalId": "consumer" if key else "anonymous",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow" if key else "Deny",
                    "Resource": event["methodArn"],
                }
            ],
        },
        **({"usageIdentifierKey": usage_identifier(key)} if key else {}),
    }


def find_api_key(headers: dict[str, str]) -> str | None:
    """The key from `Authorization: Bearer` or `x-api-key`, None where there is neither."""
    values = {name.lower(): value for name, value in headers.items()}
    authorization = values.get("authorization", "")
    is_bearer = authorization.lower().startswith(BEARER)
    bearer = authorization[len(BEARER) :].strip() if is_bearer else ""
    return bearer or values.get("x-api-key", "").strip() or None
