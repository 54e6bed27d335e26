"""What the custom resource does with CloudFormation's events, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.unmake_model import handler as function

EVENT = {
    "RequestType": "Delete",
    "ResponseURL": "https://example.com/answer",
    "StackId": "arn:stack",
    "RequestId": "1",
    "LogicalResourceId": "Unmaking",
    "PhysicalResourceId": "made-at-first",
}


class Context:
    """A function's time, of which each look takes a minute."""

    def __init__(self) -> None:
        self.seconds = 900

    def get_remaining_time_in_millis(self) -> int:
        self.seconds -= 60
        return self.seconds * 1000


class FakeUnmaking:
    def __init__(self, num_steps: int, error: Exception | None = None) -> None:
        self.num_steps, self.error, self.num_done = num_steps, error, 0

    def step(self) -> list[str]:
        if self.error:
            raise self.error
        self.num_done += 1
        return ["endpoint a"] if self.num_done < self.num_steps else []


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Call the function in a stack of some status; its answer."""
    monkeypatch.setenv("MODEL", "meguru-poc--a")
    monkeypatch.setenv("WORKFLOWS", "[]")
    monkeypatch.setenv("KEEPS_VERSIONS", "false")
    monkeypatch.setenv("RELEASE_TABLE", "releases")
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def run(
        unmaking: FakeUnmaking, status: str = "DELETE_IN_PROGRESS", **changes: Any
    ) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []

        class Client:
            def describe_stacks(self, **request: str) -> dict[str, Any]:
                assert request == {"StackName": "arn:stack"}
                return {"Stacks": [{"StackStatus": status}]}

        class Opened:
            def __init__(self, request: Any, timeout: float) -> None:
                assert (request.method, request.full_url) == ("PUT", EVENT["ResponseURL"])
                assert request.get_header("Content-type") == ""
                answers.append(json.loads(request.data))

            def __enter__(self) -> None: ...

            def __exit__(self, *error: object) -> None: ...

        monkeypatch.setattr("boto3.client", lambda service: Client())
        monkeypatch.setattr(function, "Unmaking", lambda *given, **named: unmaking)
        monkeypatch.setattr("urllib.request.urlopen", Opened)
        function.handler({**EVENT, **changes}, Context())
        [answer] = answers
        return answer

    return run


def test_a_deletion_is_answered_when_all_is_gone(call: Callable[..., dict[str, Any]]) -> None:
    unmaking = FakeUnmaking(num_steps=3)
    assert call(unmaking) == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "made-at-first",
        "StackId": "arn:stack",
        "RequestId": "1",
        "LogicalResourceId": "Unmaking",
    }
    assert unmaking.num_done == 3


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_nothing_else_unmakes(call: Callable[..., dict[str, Any]], kind: str) -> None:
    unmaking = FakeUnmaking(num_steps=1)
    assert call(unmaking, RequestType=kind)["Status"] == "SUCCESS"
    assert unmaking.num_done == 0


@pytest.mark.parametrize(
    ("status", "num_done"),
    [
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", 0),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", 0),
        ("ROLLBACK_IN_PROGRESS", 1),
    ],
)
def test_a_stack_that_stays_keeps_its_model(
    call: Callable[..., dict[str, Any]], status: str, num_done: int
) -> None:
    unmaking = FakeUnmaking(num_steps=1)
    assert call(unmaking, status)["Status"] == "SUCCESS"
    assert unmaking.num_done == num_done


def test_a_refusal_is_the_answer(call: Callable[..., dict[str, Any]]) -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": "no " * 900}}, "DeleteModel")
    answer = call(FakeUnmaking(num_steps=1, error=error))
    assert answer["Status"] == "FAILED"
    assert "AccessDenied" in answer["Reason"] and len(answer["Reason"]) == 1000


def test_out_of_time_it_answers_nothing_and_is_called_again(
    call: Callable[..., dict[str, Any]],
) -> None:
    with pytest.raises(function.StillThere, match="endpoint a: still there"):
        call(FakeUnmaking(num_steps=99))
