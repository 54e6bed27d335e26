"""Distributed Maps: each item is an execution of its own, counted by its Map Run."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from localcloud.calls import Caller, ServiceError

ADMINISTRATOR = Caller.administrator()
ADD = {
    "Type": "Pass",
    "Parameters": {"n.$": "$.n", "id.$": "$$.Execution.Id", "index.$": "$$.Map.Item.Index"},
    "Next": "F",
}
FAIL_TWO = {
    "Type": "Choice",
    "Choices": [{"Variable": "$.n", "NumericEquals": 2, "Next": "No"}],
    "Default": "Yes",
}
STATES = {
    "A": ADD,
    "F": FAIL_TWO,
    "No": {"Type": "Fail", "Error": "No"},
    "Yes": {"Type": "Succeed"},
}


def distributed(kind: str = "STANDARD", **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Map",
        "Label": "each",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
            "StartAt": "A",
            "States": STATES,
        },
        **fields,
    }


def numbers(count: int) -> list[dict[str, int]]:
    return [{"n": number} for number in range(1, count + 1)]


def call(workflows: Any, operation: str, **request: Any) -> Any:
    return getattr(workflows.service, operation)(request, ADMINISTRATOR)


def only_run(workflows: Any, arn: str) -> dict[str, Any]:
    runs = call(workflows, "list_map_runs", executionArn=arn)["mapRuns"]
    assert len(runs) == 1
    return dict(runs[0])


def test_items_are_executions_of_their_own(workflows: Any, machine: Any) -> None:
    mapped = distributed(ToleratedFailureCount=1, MaxConcurrency=2)
    arn = workflows.start(machine(M=mapped), numbers(3))
    outputs = json.loads(workflows.wait(arn)["output"])
    assert [output["index"] for output in outputs] == [0, 2]
    run = only_run(workflows, arn)
    children = call(workflows, "list_executions", mapRunArn=run["mapRunArn"])["executions"]
    assert {child["status"] for child in children} == {"SUCCEEDED", "FAILED"}
    described = workflows.describe(outputs[0]["id"])
    assert json.loads(described["input"]) == {"n": 1}
    assert described["mapRunArn"] == run["mapRunArn"]
    assert described["stateMachineArn"].endswith(":stateMachine:machine-1/each")
    assert workflows.kinds(outputs[0]["id"])[1] == "PassStateEntered"
    assert workflows.kinds(arn) == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    machine_arn = workflows.describe(arn)["stateMachineArn"]
    own = call(workflows, "list_executions", stateMachineArn=machine_arn)["executions"]
    assert [execution["executionArn"] for execution in own] == [arn]


def test_a_map_run_counts(workflows: Any, machine: Any) -> None:
    batched = distributed(ItemBatcher={"MaxItemsPerBatch": 2})
    batched["ItemProcessor"] |= {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    arn = workflows.start(machine(M=batched), numbers(3))
    workflows.wait(arn)
    run = call(workflows, "describe_map_run", mapRunArn=only_run(workflows, arn)["mapRunArn"])
    assert run["status"] == "SUCCEEDED"
    assert (run["itemCounts"]["succeeded"], run["itemCounts"]["total"]) == (3, 3)
    assert (run["executionCounts"]["succeeded"], run["executionCounts"]["pending"]) == (2, 0)
    shape = (
        botocore.session.get_session()
        .get_service_model("stepfunctions")
        .operation_model("DescribeMapRun")
        .output_shape
    )
    report = ParamValidator().validate(run, shape)
    assert not report.has_errors(), report.generate_report()


def test_a_failed_run_and_its_children(workflows: Any, machine: Any) -> None:
    arn = workflows.start(machine(M=distributed()), numbers(2))
    assert workflows.wait(arn)["error"] == "States.ExceedToleratedFailureThreshold"
    run = call(workflows, "describe_map_run", mapRunArn=only_run(workflows, arn)["mapRunArn"])
    assert (run["status"], run["executionCounts"]["failed"]) == ("FAILED", 1)
    failed = next(
        child["executionArn"]
        for child in call(workflows, "list_executions", mapRunArn=run["mapRunArn"])["executions"]
        if child["status"] == "FAILED"
    )
    assert workflows.describe(failed)["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    with pytest.raises(ServiceError) as refusal:
        call(workflows, "redrive_execution", executionArn=failed)
    assert refusal.value.code == "ExecutionNotRedrivable"


def test_stopping_ends_the_children(workflows: Any, machine: Any) -> None:
    mapped = distributed()
    mapped["ItemProcessor"] |= {
        "StartAt": "W",
        "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}},
    }
    arn = workflows.start(machine(M=mapped), numbers(5))
    workflows.until(lambda: "MapRunStarted" in workflows.kinds(arn))
    run = only_run(workflows, arn)["mapRunArn"]

    def counts() -> Any:
        return call(workflows, "describe_map_run", mapRunArn=run)["executionCounts"]

    workflows.until(lambda: counts()["running"] == 5)
    call(workflows, "stop_execution", executionArn=arn)
    assert counts()["aborted"] == 5
    assert workflows.kinds(arn)[-3:] == ["MapRunAborted", "MapStateAborted", "ExecutionAborted"]
    assert call(workflows, "describe_map_run", mapRunArn=run)["status"] == "ABORTED"


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_many_items_leave_the_parents_history_short(
    workflows: Any, machine: Any, kind: str
) -> None:
    mapped = distributed(kind, ResultPath=None, ToleratedFailureCount=1)
    arn = workflows.start(machine(M=mapped), numbers(4000))
    assert workflows.wait(arn, 60)["status"] == "SUCCEEDED"
    assert len(workflows.history(arn)) == 8


def test_an_express_workflows_history_has_no_limit(workflows: Any, machine: Any) -> None:
    definition = machine(
        A={"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}},
        C={
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": 7000, "Next": "A"}],
            "Default": "S",
        },
        S={"Type": "Succeed"},
    )
    standard = workflows.run(definition, {"n": 0})
    assert "maximum number of history events" in standard["cause"]
    express = workflows.create(definition, type="EXPRESS")
    answer = call(workflows, "start_sync_execution", stateMachineArn=express, input='{"n": 0}')
    assert answer["output"] == '{"n":7000}'


def test_express_workflows_have_no_distributed_map(workflows: Any, machine: Any) -> None:
    with pytest.raises(ServiceError, match="DISTRIBUTED") as refusal:
        workflows.create(machine(M=distributed()), type="EXPRESS")
    assert refusal.value.code == "InvalidDefinition"
    waiting = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "q", "MessageBody": "b"},
        "End": True,
    }
    mapped = distributed("EXPRESS")
    mapped["ItemProcessor"] |= {"StartAt": "T", "States": {"T": waiting}}
    with pytest.raises(ServiceError, match="waitForTaskToken"):
        workflows.create(machine(M=mapped))
