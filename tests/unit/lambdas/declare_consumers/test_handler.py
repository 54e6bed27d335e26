"""What the custom resource answers CloudFormation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from lambdas.declare_consumers import handler as function

EVENT = {
    "ResponseURL": "https://example.com/answer",
    "StackId": "arn:stack",
    "RequestId": "1",
    "LogicalResourceId": "DeclaredConsumers",
}


@pytest.fixture
def call(
    make_consumers: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    make_consumers()
    answers: list[dict[str, Any]] = []

    class Answered:
        def __enter__(self) -> None: ...

        def __exit__(self, *error: object) -> None: ...

    def put(request: Any, timeout: float) -> Answered:
        answers.append(json.loads(request.data))
        return Answered()

    monkeypatch.setattr("urllib.request.urlopen", put)

    def run(kind: str, consumers: dict[str, Any], **changes: Any) -> dict[str, Any]:
        properties = {"Consumers": json.dumps(consumers)}
        function.handler(
            {**EVENT, "RequestType": kind, "ResourceProperties": properties, **changes}, None
        )
        return answers[-1]

    return run


def names() -> set[str]:
    items = boto3.resource("dynamodb").Table("consumers").scan()["Items"]
    return {item["consumer"] for item in items if "withdrawn_at" not in item}


def test_a_deployment_declares(call: Callable[..., dict[str, Any]]) -> None:
    said = call("Create", {"app": {"tokens_per_day": 1}, "other": {}})
    assert said == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "declared-consumers",
        "StackId": "arn:stack",
        "RequestId": "1",
        "LogicalResourceId": "DeclaredConsumers",
    }
    assert names() == {"app", "other"}
    said = call("Update", {"app": {}}, PhysicalResourceId="made-at-first")
    assert said["PhysicalResourceId"] == "made-at-first"
    assert names() == {"app"}


def test_the_stack_s_deletion_changes_nothing(call: Callable[..., dict[str, Any]]) -> None:
    call("Create", {"app": {}})
    assert call("Delete", {})["Status"] == "SUCCESS"
    assert names() == {"app"}


def test_a_failure_is_said(
    call: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUMER_TABLE", "elsewhere")
    said = call("Create", {"app": {}})
    assert said["Status"] == "FAILED"
    assert "ResourceNotFoundException" in said["Reason"]
