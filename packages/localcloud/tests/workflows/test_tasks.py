"""What Tasks call: parameters, results, error names, jobs and tokens."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from localcloud.calls import Caller, ServiceError

ADMINISTRATOR = Caller.administrator()
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
NOW = datetime(2026, 1, 31, tzinfo=UTC)


def integration(name: str, **parameters: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"arn:aws:states:::{name}", "Parameters": parameters}


def client_error(code: str, message: str = "no") -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "r"},
        },
        "Operation",
    )


def raises(error: Exception) -> Callable[..., Any]:
    def operation(**request: Any) -> Any:
        raise error

    return operation


def records(into: list[Any], answer: Any = None) -> Callable[..., Any]:
    def operation(**request: Any) -> Any:
        into.append(request)
        return answer or {}

    return operation


def test_every_call_is_made_as_the_machines_role(workflows: Any, cloud: Any, machine: Any) -> None:
    cloud.function(lambda event: event)
    workflows.output(machine(T={"Type": "Task", "Resource": FUNCTION}))
    caller = cloud.callers[0]
    assert caller.role_arn == "arn:aws:iam::123456789012:role/machine"
    assert not caller.is_administrator


def test_lambda_invoke(workflows: Any, cloud: Any, machine: Any) -> None:
    cloud.function(lambda event: {"got": event})
    task = integration("lambda:invoke", FunctionName="f", **{"Payload.$": "$"})
    output = workflows.output(machine(T=task), {"x": 1})
    assert output["Payload"] == {"got": {"x": 1}}
    assert output["StatusCode"] == 200
    assert output["SdkHttpMetadata"]["HttpStatusCode"] == 200


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("text", "text"),
        ("[3,4]", [3, 4]),
        ('{"a": null}', {"a": None}),
        ('"quoted"', "quoted"),
        ("7", 7),
        ("null", None),
        ("", ""),
        ("NaN", "NaN"),
    ],
)
def test_a_text_payload_is_the_json_in_it(
    workflows: Any, cloud: Any, machine: Any, text: str, payload: Any
) -> None:
    cloud.function(lambda event: event)
    task = integration("lambda:invoke", FunctionName="f", Payload=text)
    assert workflows.output(machine(T=task))["Payload"] == payload


def test_a_payload_that_is_null_is_none(workflows: Any, cloud: Any, machine: Any) -> None:
    cloud.function(lambda event: event)
    task = integration("lambda:invoke", FunctionName="f", **{"Payload.$": "$.gone"})
    assert workflows.output(machine(T=task), {"gone": None})["Payload"] == {}


def test_a_functions_error_is_its_exceptions_name(workflows: Any, cloud: Any, machine: Any) -> None:
    def handler(event: Any) -> Any:
        raise LookupError("gone")

    cloud.function(handler)
    task = integration("lambda:invoke", FunctionName="f")
    described = workflows.run(machine(T=task))
    assert described["error"] == "LookupError"
    assert json.loads(described["cause"])["errorMessage"] == "gone"


@pytest.mark.parametrize(
    ("name", "service", "operation", "parameters", "code", "error"),
    [
        (
            "dynamodb:putItem",
            "dynamodb",
            "put_item",
            {"TableName": "t", "Item": {"id": {"S": "1"}}},
            "ConditionalCheckFailedException",
            "DynamoDB.ConditionalCheckFailedException",
        ),
        (
            "dynamodb:putItem",
            "dynamodb",
            "put_item",
            {"TableName": "t", "Item": {"id": {"S": "1"}}},
            "AccessDeniedException",
            "DynamoDB.AmazonDynamoDBException",
        ),
        (
            "sagemaker:createModel",
            "sagemaker",
            "create_model",
            {"ModelName": "m"},
            "ResourceLimitExceeded",
            "SageMaker.ResourceLimitExceededException",
        ),
        (
            "aws-sdk:s3:getObject",
            "s3",
            "get_object",
            {"Bucket": "b", "Key": "k"},
            "NoSuchKey",
            "S3.NoSuchKeyException",
        ),
        (
            "sagemaker:createModel",
            "sagemaker",
            "create_model",
            {"ModelName": "m"},
            "ValidationException",
            "SageMaker.AmazonSageMakerException",
        ),
        (
            "aws-sdk:s3:getObject",
            "s3",
            "get_object",
            {"Bucket": "b", "Key": "k"},
            "NoSuchBucket",
            "S3.NoSuchBucketException",
        ),
        (
            "aws-sdk:s3:getObject",
            "s3",
            "get_object",
            {"Bucket": "b", "Key": "k"},
            "AccessDenied",
            "S3.S3Exception",
        ),
        (
            "aws-sdk:sfn:describeExecution",
            "stepfunctions",
            "describe_execution",
            {"ExecutionArn": "arn"},
            "ExecutionDoesNotExist",
            "Sfn.ExecutionDoesNotExistException",
        ),
        # CloudWatch has two errors of this code.
        (
            "aws-sdk:cloudwatch:deleteAlarms",
            "cloudwatch",
            "delete_alarms",
            {"AlarmNames": ["a"]},
            "ResourceNotFound",
            "CloudWatch.ResourceNotFoundException",
        ),
    ],
)
def test_error_names(
    workflows: Any,
    cloud: Any,
    machine: Any,
    name: str,
    service: str,
    operation: str,
    parameters: Any,
    code: str,
    error: str,
) -> None:
    cloud.operations[service] = {operation: raises(client_error(code, "because"))}
    described = workflows.run(machine(T=integration(name, **parameters)))
    assert described["error"] == error
    assert "because" in described["cause"]


@pytest.mark.parametrize(
    ("name", "service", "operation", "parameters", "cause"),
    [
        (
            "aws-sdk:dynamodb:getItem",
            "dynamodb",
            "get_item",
            {"TableName": "t", "Key": {"id": {"S": "1"}}},
            "gone (Service: DynamoDb, Status Code: 400, Request ID: r)",
        ),
        (
            "aws-sdk:s3:getObject",
            "s3",
            "get_object",
            {"Bucket": "b", "Key": "k"},
            "gone (Service: S3, Status Code: 400, Request ID: r, Extended Request ID: r)",
        ),
        (
            "dynamodb:getItem",
            "dynamodb",
            "get_item",
            {"TableName": "t", "Key": {"id": {"S": "1"}}},
            "gone (Service: AmazonDynamoDBv2; Status Code: 400; "
            "Error Code: ResourceNotFoundException; Request ID: r; Proxy: null)",
        ),
        (
            "sagemaker:createModel",
            "sagemaker",
            "create_model",
            {"ModelName": "m"},
            "gone (Service: AmazonSageMaker; Status Code: 400; "
            "Error Code: ResourceNotFoundException; Request ID: r; Proxy: null)",
        ),
    ],
)
def test_the_cause_tells_the_call(
    workflows: Any,
    cloud: Any,
    machine: Any,
    name: str,
    service: str,
    operation: str,
    parameters: Any,
    cause: str,
) -> None:
    error = client_error("ResourceNotFoundException", "gone")
    cloud.operations[service] = {operation: raises(error)}
    assert workflows.run(machine(T=integration(name, **parameters)))["cause"] == cause


def test_a_required_parameter_that_is_null_is_refused_by_the_service(
    workflows: Any, cloud: Any, machine: Any
) -> None:
    client = boto3.client(
        "dynamodb", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    cloud.operations["dynamodb"] = {"put_item": client.put_item}
    task = integration("dynamodb:putItem", TableName="t", **{"Item.$": "$.item"})
    described = workflows.run(machine(T=task), {"item": None})
    assert described["error"] == "DynamoDB.AmazonDynamoDBException"
    assert described["cause"].startswith(
        "1 validation error detected: Value null at 'item' failed to satisfy constraint: "
        "Member must not be null (Service: AmazonDynamoDBv2; Status Code: 400; "
    )


def test_sqs_has_its_own_words_for_a_missing_parameter(
    workflows: Any, cloud: Any, machine: Any
) -> None:
    client = boto3.client(
        "sqs", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    cloud.operations["sqs"] = {"send_message": client.send_message}
    task = integration("sqs:sendMessage", QueueUrl="q", **{"MessageBody.$": "$.text"})
    described = workflows.run(machine(T=task), {"text": None})
    assert described["error"] == "SQS.AmazonSQSException"
    assert described["cause"].startswith(
        "The request must contain the parameter MessageBody. (Service: AmazonSQS; Status Code: 400;"
        " Error Code: MissingParameter; Request ID: "
    )


def test_a_service_that_does_not_answer(workflows: Any, cloud: Any, machine: Any) -> None:
    failure = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
    cloud.operations["lambda"] = {"invoke": raises(failure)}
    described = workflows.run(machine(T=integration("lambda:invoke", FunctionName="f")))
    assert described["error"] == "Lambda.SdkClientException"


def test_sdk_names_and_values(workflows: Any, cloud: Any, machine: Any) -> None:
    """PascalCase in, PascalCase out; times as text; streams as text."""
    sent: list[Any] = []
    answer = {
        "executionArn": "arn",
        "startDate": NOW,
        "status": "RUNNING",
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }
    cloud.operations["stepfunctions"] = {"describe_execution": records(sent, answer)}
    task = integration("aws-sdk:sfn:describeExecution", ExecutionArn="arn")
    output = workflows.output(machine(T=task))
    assert sent == [{"executionArn": "arn"}]
    assert output == {
        "ExecutionArn": "arn",
        "StartDate": "2026-01-31T00:00:00.000Z",
        "Status": "RUNNING",
    }


def test_sdk_streams(workflows: Any, cloud: Any, machine: Any) -> None:
    sent: list[Any] = []
    answer = {"Body": io.BytesIO("答".encode()), "ETag": '"e"', "SSEKMSKeyId": "k"}
    cloud.operations["s3"] = {
        "get_object": lambda **request: answer,
        "put_object": records(sent),
    }
    definition = machine(
        G=integration("aws-sdk:s3:getObject", Bucket="b", Key="k"),
        P=integration(
            "aws-sdk:s3:putObject",
            Bucket="b",
            Key="k",
            SsekmsKeyId="k",
            Body={"answer.$": "$.Body"},
        ),
    )
    workflows.output(definition)
    body = sent[0].pop("Body")
    assert json.loads(body) == {"answer": "答"}
    assert sent == [{"Bucket": "b", "Key": "k", "SSEKMSKeyId": "k"}]


def test_a_parameter_computed_at_run_time_is_checked_too(
    workflows: Any, cloud: Any, machine: Any
) -> None:
    cloud.operations["sqs"] = {"send_message": records([])}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": "{% $states.input %}",
    }
    described = workflows.run(machine("JSONata", T=task), {"QueueUrl": "q", "Body": "x"})
    assert described["error"] == "States.Runtime"
    assert "'Body'" in described["cause"]


def test_json_members_become_text(workflows: Any, cloud: Any, machine: Any) -> None:
    sent: list[Any] = []
    cloud.operations = {
        "sqs": {"send_message": records(sent, {"MessageId": "1"})},
        "sns": {"publish": records(sent)},
        "events": {"put_events": records(sent, {"FailedEntryCount": 0, "Entries": []})},
    }
    entry = {"Source": "my", "DetailType": "d", "Detail": {"x": 1}}
    definition = machine(
        Q=integration("sqs:sendMessage", QueueUrl="q", MessageBody={"a": "巡"}),
        N=integration("sns:publish", TopicArn="t", Message={"a": 1}),
        E=integration("events:putEvents", Entries=[entry]),
    )
    workflows.output(definition)
    assert sent[0]["MessageBody"] == '{"a":"巡"}'
    assert sent[1]["Message"] == '{"a":1}'
    put = sent[2]["Entries"][0]
    assert put["Detail"] == '{"x":1}'
    assert [arn.split(":")[5] for arn in put["Resources"]] == ["execution", "stateMachine"]


def test_an_event_that_is_not_taken_fails_the_task(
    workflows: Any, cloud: Any, machine: Any
) -> None:
    answer = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NotAuthorized"}]}
    cloud.operations["events"] = {"put_events": records([], answer)}
    described = workflows.run(machine(T=integration("events:putEvents", Entries=[{"Source": "s"}])))
    assert described["error"] == "EventBridge.FailedEntry"
    assert "NotAuthorized" in described["cause"]


class FakeSageMaker:
    """Training jobs that go through the given statuses, one at each look."""

    def __init__(self, *statuses: str) -> None:
        self.statuses, self.calls = list(statuses), list[str]()

    def operations(self) -> dict[str, Callable[..., Any]]:
        return {
            "create_training_job": self.create,
            "describe_training_job": self.describe,
            "stop_training_job": self.stop,
        }

    def create(self, **request: Any) -> Any:
        self.calls.append("create")
        return {"TrainingJobArn": "arn:job"}

    def describe(self, TrainingJobName: str) -> Any:  # noqa: N803 - boto3's name
        self.calls.append("describe")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": status,
            "FailureReason": "AlgorithmError",
            "CreationTime": NOW,
        }

    def stop(self, TrainingJobName: str) -> Any:  # noqa: N803 - boto3's name
        self.calls.append("stop")
        return {}


TRAINING = integration(
    "sagemaker:createTrainingJob.sync",
    TrainingJobName="job",
    RoleArn="arn:aws:iam::123456789012:role/job",
    OutputDataConfig={"S3OutputPath": "s3://b/o"},
)


@pytest.mark.parametrize("status", ["Completed", "Stopped"])
def test_a_job_is_waited_for(
    workflows: Any, cloud: Any, machine: Any, running_time: None, status: str
) -> None:
    sagemaker = FakeSageMaker("InProgress", "InProgress", status)
    cloud.operations["sagemaker"] = sagemaker.operations()
    arn = workflows.start(machine(T=TRAINING))
    output = json.loads(workflows.wait(arn)["output"])
    assert output["TrainingJobStatus"] == status
    assert output["CreationTime"] == int(NOW.timestamp() * 1000)
    assert sagemaker.calls == ["create", "describe", "describe", "describe"]
    assert "TaskSubmitted" in workflows.kinds(arn)


def test_a_failed_job_is_the_cause(workflows: Any, cloud: Any, machine: Any) -> None:
    cloud.operations["sagemaker"] = FakeSageMaker("Failed").operations()
    described = workflows.run(machine(T=TRAINING))
    assert described["error"] == "States.TaskFailed"
    assert json.loads(described["cause"])["FailureReason"] == "AlgorithmError"


def test_a_role_that_may_not_describe_the_job(workflows: Any, cloud: Any, machine: Any) -> None:
    operations = FakeSageMaker("Completed").operations()
    denied = client_error("AccessDeniedException", "not authorized to perform: X")
    operations["describe_training_job"] = raises(denied)
    cloud.operations["sagemaker"] = operations
    described = workflows.run(machine(T=TRAINING))
    assert described["error"] == "SageMaker.AmazonSageMakerException"
    assert "not authorized to perform: X" in described["cause"]


@pytest.mark.parametrize("way", ["stop", "timeout"])
def test_a_job_stops_with_its_execution(workflows: Any, cloud: Any, machine: Any, way: str) -> None:
    sagemaker = FakeSageMaker("InProgress")
    cloud.operations["sagemaker"] = sagemaker.operations()
    arn = workflows.start(machine(T={**TRAINING, "TimeoutSeconds": 3600}))
    workflows.until(lambda: "describe" in sagemaker.calls)
    if way == "stop":
        workflows.service.stop_execution({"executionArn": arn}, ADMINISTRATOR)
    else:
        cloud.clock.advance(timedelta(seconds=3601))
    expected = {"stop": "ABORTED", "timeout": "FAILED"}[way]
    assert workflows.wait(arn)["status"] == expected
    workflows.until(lambda: "stop" in sagemaker.calls)


@pytest.mark.parametrize("pattern", ["sync", "sync:2"])
def test_a_nested_execution(workflows: Any, cloud: Any, machine: Any, pattern: str) -> None:
    service = workflows.service
    cloud.operations["stepfunctions"] = {
        "start_execution": lambda **request: service.start_execution(request, ADMINISTRATOR),
        "describe_execution": lambda **request: service.describe_execution(request, ADMINISTRATOR),
    }
    inner = workflows.create(machine(P={"Type": "Pass"}))
    task = integration(
        f"states:startExecution.{pattern}", StateMachineArn=inner, Input={"x.$": "$.x"}
    )
    output = workflows.output(machine(T=task), {"x": 1})
    assert output["Status"] == "SUCCEEDED"
    assert output["Output"] == ({"x": 1} if pattern == "sync:2" else '{"x":1}')


def test_a_nested_execution_that_fails(workflows: Any, cloud: Any, machine: Any) -> None:
    service = workflows.service
    cloud.operations["stepfunctions"] = {
        "start_execution": lambda **request: service.start_execution(request, ADMINISTRATOR),
        "describe_execution": lambda **request: service.describe_execution(request, ADMINISTRATOR),
    }
    inner = workflows.create(machine(F={"Type": "Fail", "Error": "Inner"}))
    task = integration("states:startExecution.sync:2", StateMachineArn=inner)
    described = workflows.run(machine(T=task))
    assert described["error"] == "States.TaskFailed"
    assert json.loads(described["cause"])["Error"] == "Inner"


@pytest.fixture
def waiting(workflows: Any, cloud: Any, machine: Any) -> Callable[..., tuple[str, str]]:
    """Starts an execution that waits for a token: its ARN and the token."""

    def start(**fields: Any) -> tuple[str, str]:
        sent: list[Any] = []
        cloud.operations["sqs"] = {"send_message": records(sent, {"MessageId": "1"})}
        body = {"token.$": "$$.Task.Token"}
        task = integration("sqs:sendMessage.waitForTaskToken", QueueUrl="q", MessageBody=body)
        arn = workflows.start(machine(T={**task, **fields}))
        workflows.until(lambda: "TaskSubmitted" in workflows.kinds(arn))
        return arn, json.loads(sent[0]["MessageBody"])["token"]

    return start


def test_a_token_that_succeeds(workflows: Any, waiting: Any) -> None:
    arn, token = waiting()
    request = {"taskToken": token, "output": '{"approved": true}'}
    workflows.service.send_task_success(request, ADMINISTRATOR)
    assert json.loads(workflows.wait(arn)["output"]) == {"approved": True}
    with pytest.raises(ServiceError) as refusal:
        workflows.service.send_task_success(request, ADMINISTRATOR)
    assert refusal.value.code == "TaskTimedOut"


def test_a_token_that_fails(workflows: Any, waiting: Any) -> None:
    arn, token = waiting()
    request = {"taskToken": token, "error": "Rejected", "cause": "by a person"}
    workflows.service.send_task_failure(request, ADMINISTRATOR)
    described = workflows.wait(arn)
    assert (described["error"], described["cause"]) == ("Rejected", "by a person")


def test_one_of_many_reports_of_a_token_counts(workflows: Any, waiting: Any) -> None:
    arn, token = waiting()
    answers: list[str] = []

    def report(number: int) -> None:
        try:
            request = {"taskToken": token, "output": str(number)}
            workflows.service.send_task_success(request, ADMINISTRATOR)
        except ServiceError as error:
            answers.append(error.code)
        else:
            answers.append(str(number))

    threads = [threading.Thread(target=report, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("TaskTimedOut") == 15
    assert workflows.wait(arn)["output"] in answers


def test_a_token_nobody_issued(workflows: Any) -> None:
    with pytest.raises(ServiceError) as refusal:
        workflows.service.send_task_heartbeat({"taskToken": "x"}, ADMINISTRATOR)
    assert refusal.value.code == "InvalidToken"


def test_heartbeats_keep_a_task_alive(workflows: Any, cloud: Any, waiting: Any) -> None:
    arn, token = waiting(HeartbeatSeconds=60)
    for _ in range(3):
        cloud.clock.advance(timedelta(seconds=50))
        workflows.service.send_task_heartbeat({"taskToken": token}, ADMINISTRATOR)
        time.sleep(0.1)
        assert workflows.describe(arn)["status"] == "RUNNING"
    cloud.clock.advance(timedelta(seconds=61))
    assert workflows.wait(arn)["error"] == "States.HeartbeatTimeout"
    assert "TaskTimedOut" in workflows.kinds(arn)
