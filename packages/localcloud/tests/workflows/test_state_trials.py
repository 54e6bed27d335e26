"""TestState: one state tried once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.calls import Caller, ServiceError

ADMINISTRATOR = Caller.administrator()
ROLE = "arn:aws:iam::123456789012:role/r"
TASK = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"}
CAUGHT = {"ErrorEquals": ["KeyError"], "Next": "Mend", "ResultPath": "$.e"}


def attempt(workflows: Any, state: Any, data: Any = None, **more: Any) -> dict[str, Any]:
    request = {"definition": json.dumps(state), "input": json.dumps(data or {}), **more}
    return dict(workflows.service.test_state(request, ADMINISTRATOR))


def test_states_that_succeed(workflows: Any) -> None:
    state: dict[str, Any] = {"Type": "Pass", "Parameters": {"v.$": "$.x", "o.$": "$old"}}
    answer = attempt(workflows, {**state, "Next": "B"}, {"x": 1}, variables='{"old": 2}')
    assert answer == {"status": "SUCCEEDED", "output": '{"v":1,"o":2}', "nextState": "B"}
    rule = {"Condition": "{% $states.input.x = 1 %}", "Next": "One"}
    choice = {"QueryLanguage": "JSONata", "Type": "Choice", "Choices": [rule], "Default": "Other"}
    assert attempt(workflows, choice, {"x": 1})["nextState"] == "One"
    assert attempt(workflows, choice, {"x": 2})["nextState"] == "Other"
    named = {"Type": "Pass", "InputPath": "$$.Execution.Name", "End": True}
    context = '{"Execution": {"Name": "mine"}}'
    assert attempt(workflows, named, context=context)["output"] == '"mine"'


def test_a_state_of_a_whole_machine(workflows: Any, machine: Any) -> None:
    double = {"Type": "Pass", "Output": "{% $states.input * 2 %}"}
    whole = machine("JSONata", A={"Type": "Pass"}, B=double, C={"Type": "Succeed"})
    answer = attempt(workflows, whole, 4, stateName="B")
    assert answer == {"status": "SUCCEEDED", "output": "8", "nextState": "C"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"status": "FAILED"}),
        ({"Retry": [{"ErrorEquals": ["States.ALL"]}]}, {"status": "RETRIABLE"}),
        (
            {"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}], "Catch": [CAUGHT]},
            {"status": "CAUGHT_ERROR", "nextState": "Mend"},
        ),
    ],
)
def test_a_task_that_fails(workflows: Any, cloud: Any, fields: Any, expected: Any) -> None:
    def handler(event: Any) -> Any:
        raise KeyError("gone")

    cloud.function(handler)
    answer = attempt(workflows, {**TASK, **fields, "End": True}, {"k": 1}, roleArn=ROLE)
    assert answer["error"] == "KeyError"
    assert {name: answer[name] for name in expected} == expected
    if "output" in answer:
        assert json.loads(answer["output"])["e"]["Error"] == "KeyError"
    assert cloud.callers[-1].role_arn == ROLE


@pytest.mark.parametrize(
    ("state", "more", "code"),
    [
        ({"Type": "Loop"}, {}, "InvalidDefinition"),
        (1, {}, "ValidationException"),
        ({**TASK, "End": True}, {}, "ValidationException"),
        ({"Type": "Pass", "End": True}, {"inspectionLevel": "DEBUG"}, "ValidationException"),
        ({"Type": "Pass", "End": True}, {"variables": "[]"}, "ValidationException"),
        ({"Type": "Pass", "End": True}, {"mock": {"result": "1"}}, "ValidationException"),
        ({"Type": "Pass", "End": True}, {"input": "{"}, "InvalidExecutionInput"),
    ],
)
def test_what_is_refused(workflows: Any, state: Any, more: Any, code: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        attempt(workflows, state, **more)
    assert refusal.value.code == code
