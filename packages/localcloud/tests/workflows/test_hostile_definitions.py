"""Broken definitions: every value in every place of a whole machine is accepted or refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.calls import Caller, ServiceError
from localcloud.workflows.definition import find_problems

ADMINISTRATOR = Caller.administrator()
ROLE = "arn:aws:iam::123456789012:role/machine"
END = {"Type": "Pass", "End": True}
LAMBDA = "arn:aws:states:::lambda:invoke"
WHOLE = {
    "StartAt": "T",
    "TimeoutSeconds": 5,
    "States": {
        "T": {
            "Type": "Task",
            "Resource": LAMBDA,
            "Parameters": {"FunctionName": "f", "Payload.$": "$"},
            "ResultSelector": {"a.$": "$.Payload"},
            "ResultPath": "$.x",
            "Retry": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "IntervalSeconds": 1,
                    "MaxAttempts": 2,
                    "BackoffRate": 2.0,
                    "MaxDelaySeconds": 5,
                    "JitterStrategy": "FULL",
                }
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C", "ResultPath": "$.e"}],
            "TimeoutSeconds": 10,
            "HeartbeatSeconds": 5,
            "Next": "C",
        },
        "C": {
            "Type": "Choice",
            "Choices": [{"Not": {"Variable": "$.x", "IsPresent": True}, "Next": "M"}],
            "Default": "P",
        },
        "M": {
            "Type": "Map",
            "ItemSelector": {"v.$": "$$.Map.Item.Value"},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "I",
                "States": {"I": END},
            },
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "Parameters": {"Bucket": "b", "Key": "k"},
                "ReaderConfig": {
                    "InputType": "CSV",
                    "CSVHeaderLocation": "GIVEN",
                    "CSVHeaders": ["a"],
                    "CSVDelimiter": "TAB",
                    "MaxItems": 3,
                },
            },
            "ItemBatcher": {"MaxItemsPerBatch": 3, "BatchInput": {"a.$": "$.x"}},
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": "b"},
                "WriterConfig": {"OutputType": "JSON", "Transformation": "NONE"},
            },
            "ToleratedFailurePercentage": 5,
            "Label": "label",
            "End": True,
        },
        "P": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "B", "States": {"B": END}}],
            "Next": "Q",
        },
        "Q": {
            "QueryLanguage": "JSONata",
            "Type": "Wait",
            "Seconds": "{% 1 %}",
            "Output": ["{% $states.input %}"],
            "End": True,
        },
    },
}
HOSTILE = [None, True, -1, 1.5, 10**30, "", "$.a[", "{% (", [], [1], {}, {"a.$": 1}, "\ud800"]


def places(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in inner:
        if isinstance(value, dict | list):
            yield from places(value, (*place, key))
        else:
            yield (*place, key)


def changed(place: tuple[Any, ...], value: Any) -> Any:
    whole = copy.deepcopy(WHOLE)
    node: Any = whole
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return whole


def test_the_whole_machine_is_accepted() -> None:
    assert find_problems(json.dumps(WHOLE)) == []


@pytest.mark.parametrize("place", [place for place in places(WHOLE) if place], ids=str)
def test_a_hostile_value_is_found_in_its_place(place: tuple[Any, ...]) -> None:
    """No value breaks the check. Where a text stands that isn't free, numbers are refused."""
    for value in HOSTILE:
        find_problems(json.dumps(changed(place, value)))
    free = {"x", "a", "v.$", "Key", "Output", "Bucket", "BatchInput"} & set(place)
    if not free and place[-1] not in {"ResultSelector", "ItemSelector"}:
        assert find_problems(json.dumps(changed(place, -1)))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"StartAt": 1e999}'])
def test_what_is_no_json_is_refused(workflows: Any, text: str) -> None:
    request = {"name": "m", "definition": text, "roleArn": ROLE}
    with pytest.raises(ServiceError) as refusal:
        workflows.service.create_state_machine(request, ADMINISTRATOR)
    assert refusal.value.code == "InvalidDefinition"
    machine = workflows.create({"StartAt": "S", "States": {"S": END}})
    with pytest.raises(ServiceError) as refusal:
        workflows.service.start_execution(
            {"stateMachineArn": machine, "input": text}, ADMINISTRATOR
        )
    assert refusal.value.code == "InvalidExecutionInput"


def test_deep_nesting_is_accepted_or_refused() -> None:
    state: dict[str, Any] = END
    for depth in range(400):
        branch = {"StartAt": f"S{depth}", "States": {f"S{depth}": state}}
        state = {"Type": "Parallel", "Branches": [branch], "End": True}
    text = json.dumps({"StartAt": "S", "States": {"S": state}})
    assert {problem.message for problem in find_problems(text)} <= {
        "The definition is nested too deeply"
    }


def test_a_wait_too_long_for_a_clock(workflows: Any, machine: Any) -> None:
    definition = machine(W={"Type": "Wait", "SecondsPath": "$.s"})
    described = workflows.run(definition, {"s": 10**15})
    assert described["error"] == "States.Runtime"
    assert "at most 99999999" in described["cause"]


def test_half_a_surrogate_pair_is_text_as_any_other(workflows: Any, machine: Any) -> None:
    definition = machine(P={"Type": "Pass", "Comment": "\ud800"})
    assert workflows.output(definition, {"x": "\udfff"}) == {"x": "\udfff"}
