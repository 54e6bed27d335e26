"""Where a key may stand, and what is no key."""

from __future__ import annotations

import pytest

from lambdas.authorize_request.handler import find_api_key, handler
from meguru.api_key import usage_identifier


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"Authorization": "Bearer k"}, "k"),
        ({"AUTHORIZATION": "bearer   k "}, "k"),
        ({"authorization": "BEARER k"}, "k"),
        ({"X-Api-Key": " k "}, "k"),
        ({"authorization": "Bearer a", "x-api-key": "b"}, "a"),
        ({"authorization": "Bearer ", "x-api-key": "b"}, "b"),
        ({"authorization": "Basic a", "x-api-key": "b"}, "b"),
        ({"authorization": "Basic a"}, None),
        ({"authorization": "Bearer"}, None),
        ({"authorization": "Bearerk"}, None),
        ({"authorization": "k"}, None),
        ({"x-api-key": "  "}, None),
        ({}, None),
    ],
)
def test_find_api_key(headers: dict[str, str], key: str | None) -> None:
    assert find_api_key(headers) == key


def test_key_is_left_to_the_usage_plan() -> None:
    answer = handler({"headers": {"authorization": "Bearer k"}, "methodArn": "arn:m"}, None)
    # Known by its hash alone: whoever reads the keys in API Gateway can't call with them.
    assert answer["usageIdentifierKey"] == usage_identifier("k") != "k"
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", "arn:m")


@pytest.mark.parametrize("event", [{"headers": None}, {"headers": {}}, {}])
def test_without_a_key_is_denied(event: dict[str, object]) -> None:
    answer = handler({**event, "methodArn": "arn:m"}, None)
    assert "usageIdentifierKey" not in answer
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Deny"
