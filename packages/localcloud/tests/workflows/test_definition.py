"""What is not a state machine that runs as on AWS is refused, by name and place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.calls import Caller, ServiceError
from localcloud.workflows.definition import find_problems, parse
from localcloud.workflows.errors import InvalidDefinitionError

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
TRAINING = "arn:aws:states:::sagemaker:createTrainingJob.sync"
PASS = {"Type": "Pass", "End": True}
PROCESSOR = {"StartAt": "I", "States": {"I": PASS}}


def one(state: Any, **top: Any) -> dict[str, Any]:
    return {"StartAt": "S", "States": {"S": state}, **top}


def jsonata(state: Any) -> dict[str, Any]:
    return one(state, QueryLanguage="JSONata")


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": FUNCTION, "End": True, **fields}


REFUSED = [
    (one({"Type": "Loop", "End": True}), "/States/S/Type", "[Task, Wait, Pass, Succeed, "),
    (one({"End": True}), "/States/S", "These fields are required: [Type]"),
    (one({**PASS, "Colour": 1}), "/States/S", "'Colour'"),
    (one(PASS, Extra=1), "/", "'Extra'"),
    (one({"Type": "Pass"}), "/States/S", "should have only one of the following fields: [Next"),
    (one({**PASS, "Next": "S"}), "/States/S", "There should only be one of the following fields"),
    (one({"Type": "Pass", "End": False}), "/States/S/End", "true"),
    (one({"Type": "Pass", "Next": "T"}), "/States/S/Next", "Missing 'Next' target: T"),
    ({"StartAt": "X", "States": {"S": PASS}}, "/StartAt", "target: X"),
    ({"StartAt": 1, "States": {"S": PASS}}, "/StartAt", "Expected value of type String"),
    ({"StartAt": "S", "States": {}}, "/States", "Value cannot be empty"),
    ({"StartAt": "S", "States": []}, "/States", "Expected value of type Object"),
    ({"States": {"S": PASS}}, "/", "These fields are required: [StartAt]"),
    ({}, "/", "These fields are required: [States, StartAt]"),
    (one({"Type": "Pass", "Next": "S"}), "/States", "Workflow has no terminal state"),
    (one(PASS, Version="2.0"), "/Version", "Value should be one of the following: [1.0]"),
    (one({"Type": "Task", "End": True}), "/States/S", "These fields are required: [Resource]"),
    (one({"Type": "Choice"}), "/States/S", "These fields are required: [Choices]"),
    (one({"Type": "Parallel", "End": True}), "/States/S", "required: [Branches]"),
    (one({"Type": "Parallel", "Branches": [], "End": True}), "/States/S/Branches", "be empty"),
    (
        one({"Type": "Parallel", "Branches": [{}], "End": True}),
        "/States/S/Branches[0]",
        "These fields are required: [States, StartAt]",
    ),
    (one({"Type": "Map", "End": True}), "/States/S", "fields: [ItemProcessor, Iterator]"),
    (
        one({"Type": "Map", "Iterator": {"States": {"I": PASS}}, "End": True}),
        "/States/S/Iterator",
        "These fields are required: [StartAt]",
    ),
    (
        one(
            {
                "Type": "Map",
                "End": True,
                "ItemProcessor": {**PROCESSOR, "ProcessorConfig": {"Mode": "DISTRIBUTED"}},
            }
        ),
        "/States/S/ItemProcessor/ProcessorConfig",
        "These fields are required: [ExecutionType]",
    ),
    (one(task(Catch=[{"ErrorEquals": ["E"]}])), "/States/S/Catch[0]", "required: [Next]"),
    (one(task(Retry=[{}])), "/States/S/Retry[0]", "These fields are required: [ErrorEquals]"),
    (one(task(Retry={})), "/States/S/Retry", "Expected value of type Array"),
    (one(task(TimeoutSeconds="5")), "/States/S/TimeoutSeconds", "Expected value of type Integer"),
    (one(task(Resource="f")), "/States/S/Resource", "Value is not a valid resource ARN"),
    (
        one({"Type": "Choice", "Choices": [{"Next": "S"}]}),
        "/States/S/Choices[0]",
        "[And, Or, Not, Variable, Condition]",
    ),
    (
        one({"Type": "Choice", "Choices": [{"Variable": "a", "IsNull": True, "Next": "S"}]}),
        "/States/S/Choices[0]/Variable",
        "didn't start with '$'",
    ),
    (
        one({"Type": "Map", "ItemsPath": "$.a[*]", "Iterator": PROCESSOR, "End": True}),
        "/States/S/ItemsPath",
        "Value is not a Reference Path",
    ),
    ({"StartAt": "S", "States": {"S": PASS, "U": PASS}}, "/States/U", "not reachable"),
    (one({**PASS, "Output": 1}), "/States/S/Output", "only supported for the 'JSONata'"),
    (jsonata({**PASS, "ResultPath": "$"}), "/States/S/ResultPath", "only supported for the 'JS"),
    (jsonata({**PASS, "QueryLanguage": "JSONPath"}), "/States/S", "can not be 'JSONPath' if set"),
    (jsonata({**PASS, "Output": "{% 1 + %}"}), "/States/S/Output", "not JSONata"),
    (jsonata({**PASS, "Output": "{% 1"}), "/States/S/Output", "end with"),
    (jsonata({**PASS, "Assign": {"a.$": "$.x", "a.b": 1}}), "/States/S/Assign", "'a.b'"),
    (jsonata({**PASS, "Assign": {"states": 1}}), "/States/S/Assign", "reserved"),
    (one({**PASS, "Assign": {"1x": 1}}), "/States/S/Assign", "'1x'"),
    (one({**PASS, "InputPath": "x"}), "/States/S/InputPath", "must be a valid JSONPath."),
    (one({**PASS, "InputPath": "$.["}), "/States/S/InputPath", "must be a valid JSONPath."),
    (one({**PASS, "ResultPath": "$.a[*]"}), "/States/S/ResultPath", "Reference Path"),
    (one({**PASS, "Parameters": {"a.$": 1}}), "/States/S/Parameters", "the field 'a.$' must be"),
    (one({**PASS, "Parameters": {"a.$": "States.Nope()"}}), "/States/S/Parameters", "'a.$' must"),
    (one({**PASS, "Parameters": {"a.$": "States.UUID(1)"}}), "/States/S/Parameters", "'a.$' must"),
    (one(task(Resource="arn:aws:states:::glue:startJobRun")), "/States/S/Resource", "glue"),
    (one(task(Resource="arn:aws:states:::http:invoke")), "/States/S/Resource", "http:invoke"),
    (one(task(Resource="arn:aws:states:::apigateway:invoke")), "/States/S/Resource", "apigateway"),
    (
        one(task(Resource="arn:aws:states:::sagemaker:createTransformJob.sync")),
        "/States/S/Resource",
        "createTransformJob",
    ),
    (one(task(Resource="arn:aws:states:::aws-sdk:s3:fly")), "/States/S/Resource", "'fly'"),
    (one(task(Resource="arn:aws:states:::aws-sdk:sea:fly")), "/States/S/Resource", "'sea'"),
    (
        one(task(Resource="arn:aws:states:::aws-sdk:s3:getObject.sync")),
        "/States/S/Resource",
        ".sync",
    ),
    (one(task(Resource=TRAINING, Parameters={})), "/States/S/Parameters", "'TrainingJobName'"),
    (
        one(task(Resource="arn:aws:states:::sqs:sendMessage", Parameters={"Queue": "q"})),
        "/States/S/Parameters",
        "'Queue'",
    ),
    (
        one(
            task(
                Resource="arn:aws:states:::dynamodb:getItem",
                Parameters={"TableName": 5, "Key.$": "$.key"},
            )
        ),
        "/States/S/Parameters/TableName",
        "string",
    ),
    (one(task(Credentials={"RoleArn": "r"})), "/States/S", "'Credentials'"),
    (one(task(Retry=[{"ErrorEquals": []}])), "/States/S/Retry[0]/ErrorEquals", "be empty"),
    (
        one(task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}])),
        "/States/S/Retry[0]/ErrorEquals",
        "States.ALL",
    ),
    (
        one(task(Retry=[{"ErrorEquals": ["E"], "BackoffRate": 0.5}])),
        "/States/S/Retry[0]/BackoffRate",
        "Minimum value is 1",
    ),
    (one(task(Retry=[{"ErrorEquals": ["E"], "Wait": 1}])), "/States/S/Retry[0]", "'Wait'"),
    (
        one(task(Catch=[{"ErrorEquals": ["E"], "Next": "N"}])),
        "/States/S/Catch[0]/Next",
        "Missing 'Next' target: N",
    ),
    (one(task(TimeoutSeconds=0)), "/States/S/TimeoutSeconds", "Minimum value is 1"),
    (one(task(TimeoutSeconds=5, HeartbeatSeconds=5)), "/States/S/HeartbeatSeconds", "below"),
    (one({"Type": "Wait", "End": True}), "/States/S", "[SecondsPath, Seconds, TimestampPath, Tim"),
    (
        one({"Type": "Wait", "Timestamp": "tomorrow", "End": True}),
        "/States/S/Timestamp",
        "does not match RFC3339",
    ),
    (
        one({"Type": "Choice", "Choices": [{"Variable": "$.a", "Is": 1, "Next": "S"}]}),
        "/States/S/Choices[0]",
        "'Is'",
    ),
    (
        one(
            {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": "1", "Next": "S"}]}
        ),
        "/States/S/Choices[0]/NumericEquals",
        "Numeric",
    ),
    (
        jsonata({"Type": "Choice", "Choices": [{"Condition": "yes", "Next": "S"}]}),
        "/States/S/Choices[0]/Condition",
        "{%",
    ),
    (
        one({"Type": "Map", "ItemProcessor": PROCESSOR, "ItemReader": {}, "End": True}),
        "/States/S",
        "DISTRIBUTED",
    ),
    (
        one(
            {
                "Type": "Parallel",
                "Branches": [{"StartAt": "B", "States": {"B": {**PASS, "Assign": {"x": 1}}}}],
                "Assign": {"x": 2},
                "End": True,
            }
        ),
        "/States/S/Branches[0]",
        "outer scope",
    ),
    (
        one(
            {"Type": "Parallel", "Branches": [{"StartAt": "S", "States": {"S": PASS}}], "End": True}
        ),
        "/States/S/Branches[0]/States/S",
        "Duplicate",
    ),
]


@pytest.mark.parametrize(("definition", "location", "word"), REFUSED)
def test_refused_by_name_and_place(definition: Any, location: str, word: str) -> None:
    problems = find_problems(json.dumps(definition))
    assert any(p.location == location and word in p.message for p in problems), problems


@pytest.mark.parametrize("text", ["", "[]", "{", '{"StartAt": NaN}', "1"])
def test_what_is_not_an_object_of_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidDefinitionError):
        parse(text)


def test_express_machines_refuse_patterns_that_wait() -> None:
    parameters = {"StateMachineArn": "arn"}
    state = task(Resource="arn:aws:states:::states:startExecution.sync", Parameters=parameters)
    assert find_problems(json.dumps(one(state))) == []
    assert ".sync" in find_problems(json.dumps(one(state)), express=True)[0].message


def test_creating_names_the_problem_and_its_place(workflows: Any) -> None:
    with pytest.raises(ServiceError, match=r"'Type' should.*at /States/S/Type") as refusal:
        workflows.create(one({"Type": "Loop"}))
    assert refusal.value.code == "InvalidDefinition"


def test_validating_lists_all_problems(workflows: Any) -> None:
    definition = one({**PASS, "Colour": 1, "InputPath": "x"})
    answer = workflows.service.validate_state_machine_definition(
        {"definition": json.dumps(definition)}, Caller.administrator()
    )
    assert answer["result"] == "FAIL"
    assert {found["location"] for found in answer["diagnostics"]} == {
        "/States/S",
        "/States/S/InputPath",
    }
