"""State machines in a real cloud: over HTTP, with IAM, against moto's tables and queues."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.workflows.service import StepFunctionsService

TABLE = "orders"
DEFINITION = {
    "QueryLanguage": "JSONata",
    "StartAt": "Put",
    "States": {
        "Put": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Arguments": {
                "TableName": TABLE,
                "Item": {"id": {"S": "{% $states.input.id %}"}, "n": {"N": "{% $string(7) %}"}},
                "ConditionExpression": "attribute_not_exists(id)",
            },
            "Catch": [
                {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "Next": "Twice"}
            ],
            "Assign": {"id": "{% $states.input.id %}"},
            "Next": "Wait",
        },
        "Wait": {"Type": "Wait", "Seconds": 86400, "Next": "Get"},
        "Get": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem",
            "Arguments": {"TableName": TABLE, "Key": {"id": {"S": "{% $id %}"}}},
            "Output": "{% $number($states.result.Item.n.N) %}",
            "End": True,
        },
        "Twice": {"Type": "Succeed", "Output": "twice"},
    },
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(services=[StepFunctionsService]) as running:
        key = {"AttributeName": "id"}
        running.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{**key, "KeyType": "HASH"}],
            AttributeDefinitions=[{**key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield running


def role(cloud: Cloud, name: str, *actions: str) -> str:
    """A role that may do `actions`; its ARN."""
    iam = cloud.client("iam")
    trusted = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    granted = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trusted))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_policy(granted))
    return str(created["Role"]["Arn"])


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def start(cloud: Cloud, name: str, role_arn: str, data: dict[str, Any]) -> str:
    states = cloud.client("stepfunctions")
    machine = states.create_state_machine(
        name=name, roleArn=role_arn, definition=json.dumps(DEFINITION)
    )["stateMachineArn"]
    started = states.start_execution(stateMachineArn=machine, input=json.dumps(data))
    return str(started["executionArn"])


def entered(cloud: Cloud, arn: str, name: str) -> bool:
    events = cloud.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    return any(event.get("stateEnteredEventDetails", {}).get("name") == name for event in events)


def wait(cloud: Cloud, arn: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while True:
        described: dict[str, Any] = cloud.client("stepfunctions").describe_execution(
            executionArn=arn
        )
        if described["status"] != "RUNNING":
            return described
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_day_passes_between_two_calls(cloud: Cloud) -> None:
    arn = start(
        cloud, "day", role(cloud, "both", "dynamodb:PutItem", "dynamodb:GetItem"), {"id": "1"}
    )
    while not entered(cloud, arn, "Wait"):
        time.sleep(0.02)
    cloud.clock.advance(timedelta(days=1))
    described = wait(cloud, arn)
    assert (described["status"], described.get("output")) == ("SUCCEEDED", "7"), described
    again = cloud.client("stepfunctions").start_execution(
        stateMachineArn=described["stateMachineArn"], input='{"id": "1"}'
    )
    assert wait(cloud, again["executionArn"])["output"] == '"twice"'


def test_a_missing_grant_is_named(cloud: Cloud) -> None:
    arn = start(cloud, "denied", role(cloud, "reader", "dynamodb:GetItem"), {"id": "2"})
    described = wait(cloud, arn)
    assert described["error"] == "DynamoDB.AmazonDynamoDBException"
    assert "assumed-role/reader/" in described["cause"]
    assert "is not authorized to perform: dynamodb:PutItem" in described["cause"]


def test_a_refused_definition_is_the_clients_error(cloud: Cloud) -> None:
    definition = {"StartAt": "S", "States": {"S": {"Type": "Loop", "End": True}}}
    with pytest.raises(ClientError, match="at /States/S/Type") as refusal:
        cloud.client("stepfunctions").create_state_machine(
            name="loop",
            roleArn="arn:aws:iam::123456789012:role/r",
            definition=json.dumps(definition),
        )
    assert refusal.value.response["Error"]["Code"] == "InvalidDefinition"


@pytest.mark.parametrize(
    ("level", "with_data", "kinds"),
    [
        ("ALL", True, ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]),
        ("ERROR", False, ["FailStateEntered", "ExecutionFailed"]),
        ("FATAL", True, ["ExecutionFailed"]),
    ],
)
def test_histories_are_logged(cloud: Cloud, level: str, with_data: bool, kinds: list[str]) -> None:
    logs, workflows = cloud.client("logs"), cloud.client("stepfunctions")
    group = f"machine-{level}"
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:{cloud.region}:{cloud.account.id}:log-group:{group}:*"
    machine = workflows.create_state_machine(
        name=group,
        definition=json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No"}}}),
        roleArn=role(cloud, group, "logs:*"),
        type="EXPRESS",
        loggingConfiguration={
            "level": level,
            "includeExecutionData": with_data,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
        },
    )["stateMachineArn"]
    started = workflows.start_execution(stateMachineArn=machine, input='{"a": 1}')
    deadline = time.monotonic() + 10
    while not (found := logs.filter_log_events(logGroupName=group)["events"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    entries = [json.loads(event["message"]) for event in found]
    assert [entry["type"] for entry in entries] == kinds
    assert {entry["execution_arn"] for entry in entries} == {started["executionArn"]}
    assert any("input" in entry["details"] for entry in entries) == (level == "ALL")
