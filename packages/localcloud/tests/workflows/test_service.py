"""The service's operations: machines, executions, history, redrive, events."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from localcloud.calls import Caller, ServiceError

ADMINISTRATOR = Caller.administrator()
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
WAITING = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}}}
PASSING = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def code(refusal: pytest.ExceptionInfo[ServiceError]) -> str:
    return refusal.value.code


def test_creating_twice_is_idempotent_only_for_the_same(workflows: Any) -> None:
    """Another role and other tags don't count, and aren't taken over."""
    arn = workflows.create(PASSING, name="m")
    assert arn == "arn:aws:states:us-east-1:123456789012:stateMachine:m"
    other = {"roleArn": "arn:aws:iam::123456789012:role/other", "tags": [{"key": "a"}]}
    assert workflows.create(PASSING, name="m", **other) == arn
    described = workflows.service.describe_state_machine({"stateMachineArn": arn}, ADMINISTRATOR)
    assert described["roleArn"] != other["roleArn"]
    tracing = {"tracingConfiguration": {"enabled": True}}
    for definition, more in ((WAITING, {}), (PASSING, tracing), (PASSING, {"type": "EXPRESS"})):
        with pytest.raises(ServiceError) as refusal:
            workflows.create(definition, name="m", **more)
        assert code(refusal) == "StateMachineAlreadyExists"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"name": "a b"}, "InvalidName"),
        ({"roleArn": "role"}, "InvalidArn"),
        ({"versionDescription": "v"}, "ValidationException"),
        ({"loggingConfiguration": {"level": "ALL"}}, "InvalidLoggingConfiguration"),
        (
            {"loggingConfiguration": {"level": "ERROR", "destinations": [{}]}},
            "InvalidLoggingConfiguration",
        ),
    ],
)
def test_creating_refuses(workflows: Any, more: Any, expected: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        workflows.create(PASSING, **more)
    assert code(refusal) == expected


def test_an_update_is_for_later_executions(workflows: Any) -> None:
    machine = workflows.create(WAITING)
    request = {"stateMachineArn": machine}
    first = workflows.service.start_execution(request, ADMINISTRATOR)["executionArn"]
    workflows.service.update_state_machine(
        {"stateMachineArn": machine, "definition": json.dumps(PASSING)}, ADMINISTRATOR
    )
    second = workflows.service.start_execution(request, ADMINISTRATOR)["executionArn"]
    assert workflows.wait(second)["status"] == "SUCCEEDED"
    assert workflows.describe(first)["status"] == "RUNNING"
    described = workflows.service.describe_state_machine(request, ADMINISTRATOR)
    assert json.loads(described["definition"]) == PASSING


def test_deleting_stops_and_forgets(workflows: Any) -> None:
    arn = workflows.start(WAITING)
    machine = workflows.describe(arn)["stateMachineArn"]
    workflows.service.delete_state_machine({"stateMachineArn": machine}, ADMINISTRATOR)
    assert workflows.wait(arn)["status"] == "ABORTED"
    with pytest.raises(ServiceError) as refusal:
        workflows.service.start_execution({"stateMachineArn": machine}, ADMINISTRATOR)
    assert code(refusal) == "StateMachineDoesNotExist"


def test_machines_are_listed_in_pages(workflows: Any) -> None:
    arns = [workflows.create(PASSING) for _ in range(5)]
    found: list[str] = []
    request: dict[str, Any] = {"maxResults": 2}
    while True:
        answer = workflows.service.list_state_machines(request, ADMINISTRATOR)
        found += [machine["stateMachineArn"] for machine in answer["stateMachines"]]
        if "nextToken" not in answer:
            break
        request["nextToken"] = answer["nextToken"]
    assert found == arns


def test_tags(workflows: Any) -> None:
    arn = workflows.create(PASSING, tags=[{"key": "a", "value": "1"}])
    service = workflows.service
    service.tag_resource({"resourceArn": arn, "tags": [{"key": "b", "value": "2"}]}, ADMINISTRATOR)
    service.untag_resource({"resourceArn": arn, "tagKeys": ["a"]}, ADMINISTRATOR)
    answer = service.list_tags_for_resource({"resourceArn": arn}, ADMINISTRATOR)
    assert answer["tags"] == [{"key": "b", "value": "2"}]


def test_a_name_is_started_once(workflows: Any) -> None:
    machine = workflows.create(WAITING)

    def start(data: str) -> str:
        request = {"stateMachineArn": machine, "name": "n", "input": data}
        return str(workflows.service.start_execution(request, ADMINISTRATOR)["executionArn"])

    arn = start('{"a": 1}')
    assert start('{"a":1}') == arn
    with pytest.raises(ServiceError) as refusal:
        start('{"a": 2}')
    assert code(refusal) == "ExecutionAlreadyExists"
    workflows.service.stop_execution({"executionArn": arn}, ADMINISTRATOR)
    with pytest.raises(ServiceError):
        start('{"a": 1}')


def test_of_many_starts_with_one_name_one_runs(workflows: Any, cloud: Any, machine: Any) -> None:
    calls: list[Any] = []
    cloud.function(calls.append)
    arn = workflows.create(machine(T={"Type": "Task", "Resource": FUNCTION}))
    refused: list[str] = []

    def start() -> None:
        try:
            workflows.service.start_execution({"stateMachineArn": arn, "name": "n"}, ADMINISTRATOR)
        except ServiceError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    workflows.wait(arn.replace(":stateMachine:", ":execution:") + ":n")
    assert len(calls) == 1
    assert set(refused) <= {"ExecutionAlreadyExists"}


@pytest.mark.parametrize("text", ["{", "", "nope"])
def test_input_must_be_json(workflows: Any, text: str) -> None:
    machine = workflows.create(PASSING)
    request = {"stateMachineArn": machine, "input": text or "{'a'}"}
    with pytest.raises(ServiceError) as refusal:
        workflows.service.start_execution(request, ADMINISTRATOR)
    assert code(refusal) == "InvalidExecutionInput"


def test_stopping_is_quick_and_says_why(workflows: Any) -> None:
    arn = workflows.start(WAITING)
    started = time.monotonic()
    request = {"executionArn": arn, "error": "Enough", "cause": "said so"}
    workflows.service.stop_execution(request, ADMINISTRATOR)
    described = workflows.wait(arn)
    assert time.monotonic() - started < 1
    assert (described["status"], described["error"]) == ("ABORTED", "Enough")
    assert workflows.kinds(arn)[-2:] == ["WaitStateAborted", "ExecutionAborted"]


def test_stopping_the_service_ends_every_thread(workflows: Any, cloud: Any, machine: Any) -> None:
    processor = {"StartAt": "W", "States": WAITING["States"]}
    definition = machine(M={"Type": "Map", "ItemProcessor": processor})
    workflows.start(definition, [1, 2, 3])
    workflows.until(lambda: threading.active_count() > 4)
    workflows.service.stop()
    workflows.until(lambda: not any(t.name == "workflow" for t in threading.enumerate()), 2)


def test_express_machines_answer_at_once(workflows: Any) -> None:
    machine = workflows.create(PASSING, type="EXPRESS")
    request = {"stateMachineArn": machine, "input": '{"x": 1}'}
    answer = workflows.service.start_sync_execution(request, ADMINISTRATOR)
    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '{"x":1}')
    assert answer["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0
    with pytest.raises(ServiceError, match="Resource type not valid") as refusal:
        workflows.describe(answer["executionArn"])
    assert code(refusal) == "InvalidArn"
    with pytest.raises(ServiceError) as refusal:
        workflows.service.list_executions({"stateMachineArn": machine}, ADMINISTRATOR)
    assert code(refusal) == "StateMachineTypeNotSupported"


def test_standard_machines_have_no_sync_start(workflows: Any) -> None:
    with pytest.raises(ServiceError) as refusal:
        workflows.service.start_sync_execution(
            {"stateMachineArn": workflows.create(PASSING)}, ADMINISTRATOR
        )
    assert code(refusal) == "StateMachineTypeNotSupported"


def test_executions_are_listed_newest_first(workflows: Any) -> None:
    machine = workflows.create(PASSING)
    for name in ("a", "b"):
        request = {"stateMachineArn": machine, "name": name}
        arn = workflows.service.start_execution(request, ADMINISTRATOR)["executionArn"]
        workflows.wait(arn)
    answer = workflows.service.list_executions(
        {"stateMachineArn": machine, "statusFilter": "SUCCEEDED"}, ADMINISTRATOR
    )
    assert [execution["name"] for execution in answer["executions"]] == ["b", "a"]


def test_executions_are_listed_by_redrive(workflows: Any) -> None:
    failing = {"StartAt": "F", "States": {"F": {"Type": "Fail"}}}
    machine = workflows.create(failing)
    for name in ("once", "twice"):
        request = {"stateMachineArn": machine, "name": name}
        arn = workflows.service.start_execution(request, ADMINISTRATOR)["executionArn"]
        workflows.wait(arn)
    workflows.service.redrive_execution({"executionArn": arn}, ADMINISTRATOR)
    for name, kind in (("twice", "REDRIVEN"), ("once", "NOT_REDRIVEN")):
        answer = workflows.service.list_executions(
            {"stateMachineArn": machine, "redriveFilter": kind}, ADMINISTRATOR
        )
        assert [execution["name"] for execution in answer["executions"]] == [name]


def test_a_history_without_data(workflows: Any) -> None:
    arn = workflows.start(PASSING, {"secret": 1})
    workflows.wait(arn)
    request = {"executionArn": arn, "includeExecutionData": False}
    events = workflows.service.get_execution_history(request, ADMINISTRATOR)["events"]
    assert "secret" not in json.dumps(events, default=str)
    assert events[1]["stateEnteredEventDetails"] == {"name": "P"}


def test_what_is_no_arn_is_an_invalid_one(workflows: Any) -> None:
    service = workflows.service
    for operation, member in (
        (service.describe_execution, "executionArn"),
        (service.describe_state_machine, "stateMachineArn"),
    ):
        with pytest.raises(ServiceError) as refusal:
            operation({member: "nope"}, ADMINISTRATOR)
        assert code(refusal) == "InvalidArn"


def test_the_history_shows_each_step(workflows: Any, cloud: Any, machine: Any) -> None:
    cloud.function(lambda event: {"y": 2})
    definition = machine(T={"Type": "Task", "Resource": FUNCTION}, P={"Type": "Pass"})
    arn = workflows.start(definition, {"x": 1})
    workflows.wait(arn)
    events = workflows.history(arn)
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert [event["previousEventId"] for event in events] == list(range(9))
    assert json.loads(events[1]["stateEnteredEventDetails"]["input"]) == {"x": 1}
    assert json.loads(events[5]["stateExitedEventDetails"]["output"]) == {"y": 2}


def test_answers_fit_botocores_model(workflows: Any, cloud: Any, machine: Any) -> None:
    """Every event and description has only members, of the types, that AWS's answers have."""
    cloud.function(lambda event: 1 / event["x"])
    processor = {"StartAt": "W", "States": WAITING["States"]}
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "P", "Assign": {"e.$": "$.Error"}}]
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Catch": catch}
    parameters = {"FunctionName": "f", "Payload": {"x": 0}}
    definition = machine(
        A={**task, "Parameters": parameters, "End": True},
        P={"Type": "Parallel", "Branches": [{"StartAt": "I", "States": {"I": {
            "Type": "Map", "ItemProcessor": processor,
            "ItemsPath": "$$.Execution.Input.none", "End": True}}}],
           "Next": "Q"},
        Q={"Type": "Task", "Resource": FUNCTION},
    )  # fmt: skip
    arn = workflows.start(definition, {"x": 1, "none": []})
    workflows.wait(arn)
    model = botocore.session.get_session().get_service_model("stepfunctions")
    answers = {
        "GetExecutionHistory": {"events": workflows.history(arn)},
        "DescribeExecution": workflows.describe(arn),
        "DescribeStateMachine": workflows.service.describe_state_machine(
            {"stateMachineArn": workflows.describe(arn)["stateMachineArn"]}, ADMINISTRATOR
        ),
        "ListExecutions": workflows.service.list_executions(
            {"stateMachineArn": workflows.describe(arn)["stateMachineArn"]}, ADMINISTRATOR
        ),
    }
    assert "MapStateSucceeded" in workflows.kinds(arn)
    for operation, answer in answers.items():
        shape = model.operation_model(operation).output_shape
        report = ParamValidator().validate(answer, shape)
        assert not report.has_errors(), report.generate_report()


def test_redrive_goes_on_from_the_failed_state(workflows: Any, cloud: Any, machine: Any) -> None:
    calls: list[Any] = []

    def handler(event: Any) -> Any:
        calls.append(event)
        if len(calls) == 2:
            raise ValueError("once")
        return {"n": len(calls)}

    cloud.function(handler)
    task = {"Type": "Task", "Resource": FUNCTION, "Assign": {"n.$": "$.n"}}
    last = {"Type": "Pass", "Parameters": {"n.$": "$n"}}
    arn = workflows.start(machine(A=task, B={**task, "Assign": {"m": 1}}, C=last), {"x": 1})
    assert workflows.wait(arn)["error"] == "ValueError"
    workflows.service.redrive_execution({"executionArn": arn}, ADMINISTRATOR)
    described = workflows.wait(arn)
    assert json.loads(described["output"]) == {"n": 1}
    assert described["redriveCount"] == 1
    assert calls == [{"x": 1}, {"n": 1}, {"n": 1}]
    assert workflows.kinds(arn).count("ExecutionRedriven") == 1
    with pytest.raises(ServiceError) as refusal:
        workflows.service.redrive_execution({"executionArn": arn}, ADMINISTRATOR)
    assert code(refusal) == "ExecutionNotRedrivable"


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_redrive_runs_only_the_branches_that_failed(
    workflows: Any, cloud: Any, machine: Any, kind: str
) -> None:
    """Also where a branch failed inside another, and with the variables it had set."""
    calls: list[Any] = []
    started: list[str] = []

    def handler(event: Any) -> Any:
        calls.append(event)
        if event == "bad" and calls.count("bad") == 1:
            workflows.until(lambda: started and "TaskStateExited" in workflows.kinds(started[0]))
            raise ValueError("once")
        return event

    cloud.function(handler)

    def branch(index: int, value: str) -> dict[str, Any]:
        set_up = {"Type": "Pass", "Assign": {"v": value}, "Next": f"T{index}"}
        work = {
            "Type": "Task",
            "Resource": FUNCTION,
            "Arguments": "{% $v %}",
            "Output": "{% $states.result & $outer %}",
            "End": True,
        }
        return {"StartAt": f"P{index}", "States": {f"P{index}": set_up, f"T{index}": work}}

    inner = {"Type": "Parallel", "Branches": [branch(0, "good"), branch(1, "bad")], "End": True}
    around = {"StartAt": "I", "States": {"I": inner}}
    states = {
        "Parallel": {"Type": "Parallel", "Branches": [around]},
        "Map": {"Type": "Map", "Items": [1], "ItemProcessor": around},
    }
    first = {"Type": "Pass", "Assign": {"outer": "!"}}
    arn = workflows.start(machine("JSONata", A=first, S=states[kind]))
    started.append(arn)
    assert workflows.wait(arn)["error"] == "ValueError"
    workflows.service.redrive_execution({"executionArn": arn}, ADMINISTRATOR)
    assert json.loads(workflows.wait(arn)["output"]) == [["good!", "bad!"]]
    assert sorted(calls) == ["bad", "bad", "good"]


def test_changes_of_status_are_events(workflows: Any, cloud: Any) -> None:
    emitted: list[tuple[Any, ...]] = []
    cloud.events.connect(lambda *event: emitted.append(event))
    arn = workflows.start(PASSING, {"x": 1})
    workflows.wait(arn)
    workflows.until(lambda: len(emitted) == 2)
    started, ended = emitted
    assert started[:2] == ("aws.states", "Step Functions Execution Status Change")
    assert (started[2]["status"], ended[2]["status"]) == ("RUNNING", "SUCCEEDED")
    assert ended[2]["output"] == '{"x":1}'
    assert isinstance(ended[2]["stopDate"], int)
    assert ended[3] == [arn]
