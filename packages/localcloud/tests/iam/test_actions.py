"""Which actions on which resources a call demands, service by service."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.iam.actions import demands
from localcloud.iam.demand import Place

REGION, ACCOUNT = "eu-west-1", "123456789012"


class Holdings:
    """An account with one of each thing that an ARN depends on."""

    def secret_arn(self, secret_id: str) -> str | None:
        return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf"

    def key_arn(self, key_id: str) -> str | None:
        return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234" if key_id == "alias/data" else None

    def role_arn(self, name: str) -> str | None:
        return f"arn:aws:iam::{ACCOUNT}:role/team/{name}" if name == "known" else None

    def partition_key(self, table_name: str, index: str | None = None) -> str | None:
        return f"{index}-pk" if index else "pk"


PLACE = Place(ACCOUNT, REGION, Holdings())


def asked(service: str, operation: str, **parameters: Any) -> list[tuple[str, str]]:
    """Action and resource of each demand, ARNs without their common beginning."""
    found = demands(service, operation, parameters, PLACE)
    return [
        (one.action, one.resource.replace(f":{REGION}:{ACCOUNT}:", "::").removeprefix("arn:aws:"))
        for one in found
    ]


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
        ("ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "s3:::b")]),
        ("HeadBucket", {"Bucket": "b"}, [("s3:ListBucket", "s3:::b")]),
        ("GetObject", {"Bucket": "b", "Key": "k"}, [("s3:GetObject", "s3:::b/k")]),
        ("HeadObject", {"Bucket": "b", "Key": "k"}, [("s3:GetObject", "s3:::b/k")]),
        (
            "GetObject",
            {"Bucket": "b", "Key": "k", "VersionId": "1"},
            [("s3:GetObjectVersion", "s3:::b/k")],
        ),
        ("UploadPart", {"Bucket": "b", "Key": "k"}, [("s3:PutObject", "s3:::b/k")]),
        (
            "CopyObject",
            {"Bucket": "b", "Key": "k", "CopySource": "other/a%20b?versionId=7"},
            [("s3:PutObject", "s3:::b/k"), ("s3:GetObjectVersion", "s3:::other/a b")],
        ),
        (
            "DeleteObjects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "1"}, {"Key": "2", "VersionId": "v"}]}},
            [("s3:DeleteObject", "s3:::b/1"), ("s3:DeleteObjectVersion", "s3:::b/2")],
        ),
        (
            "PutObject",
            {"Bucket": "b", "Key": "k", "Tagging": "a=b"},
            [("s3:PutObject", "s3:::b/k"), ("s3:PutObjectTagging", "s3:::b/k")],
        ),
        ("GetBucketEncryption", {"Bucket": "b"}, [("s3:GetEncryptionConfiguration", "s3:::b")]),
        (
            "ListBucketInventoryConfigurations",
            {"Bucket": "b"},
            [("s3:GetInventoryConfiguration", "s3:::b")],
        ),
    ],
)
def test_s3(operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert asked("s3", operation, **parameters) == expected


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("GetItem", {"TableName": "t"}, [("dynamodb:GetItem", "dynamodb::table/t")]),
        (
            "Query",
            {"TableName": "t", "IndexName": "i"},
            [("dynamodb:Query", "dynamodb::table/t/index/i")],
        ),
        (
            "BatchWriteItem",
            {"RequestItems": {"a": [], "b": []}},
            [
                ("dynamodb:BatchWriteItem", "dynamodb::table/a"),
                ("dynamodb:BatchWriteItem", "dynamodb::table/b"),
            ],
        ),
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "a", "Item": {}}},
                    {"ConditionCheck": {"TableName": "b", "Key": {}}},
                ]
            },
            [
                ("dynamodb:PutItem", "dynamodb::table/a"),
                ("dynamodb:ConditionCheckItem", "dynamodb::table/b"),
            ],
        ),
        (
            "ExecuteStatement",
            {"Statement": 'SELECT * FROM "orders"."by_day" WHERE x = 1'},
            [("dynamodb:PartiQLSelect", "dynamodb::table/orders/index/by_day")],
        ),
        ("ListTables", {}, [("dynamodb:ListTables", "*")]),
    ],
)
def test_dynamodb(
    operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert asked("dynamodb", operation, **parameters) == expected


def test_dynamodb_tells_the_partition_keys_of_what_is_read_or_written() -> None:
    (one,) = demands("dynamodb", "PutItem", {"TableName": "t", "Item": {"pk": {"S": "me"}}}, PLACE)
    assert one.context == {"dynamodb:leadingkeys": ["me"]}
    query = {
        "TableName": "t",
        "KeyConditionExpression": "#k = :v AND begins_with(sk, :p)",
        "ExpressionAttributeNames": {"#k": "pk"},
        "ExpressionAttributeValues": {":v": {"S": "you"}, ":p": {"S": "x"}},
    }
    (one,) = demands("dynamodb", "Query", query, PLACE)
    assert one.context == {"dynamodb:leadingkeys": ["you"]}


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        (
            "sqs",
            "SendMessageBatch",
            {"QueueUrl": "http://127.0.0.1:1/1/q"},
            ("sqs:SendMessage", "sqs::q"),
        ),
        ("sqs", "GetQueueUrl", {"QueueName": "q"}, ("sqs:GetQueueUrl", "sqs::q")),
        (
            "sns",
            "Unsubscribe",
            {"SubscriptionArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t:uuid"},
            ("sns:Unsubscribe", "sns::t"),
        ),
        ("sns", "CreateTopic", {"Name": "t"}, ("sns:CreateTopic", "sns::t")),
        (
            "lambda",
            "Invoke",
            {"FunctionName": "f", "Qualifier": "live"},
            ("lambda:InvokeFunction", "lambda::function:f:live"),
        ),
        (
            "lambda",
            "Invoke",
            {"FunctionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f:1"},
            ("lambda:InvokeFunction", "lambda::function:f:1"),
        ),
        (
            "lambda",
            "GetFunction",
            {"FunctionName": f"{ACCOUNT}:function:f"},
            ("lambda:GetFunction", "lambda::function:f"),
        ),
        (
            "sagemaker-runtime",
            "InvokeEndpointWithResponseStream",
            {"EndpointName": "Text"},
            ("sagemaker:InvokeEndpoint", "sagemaker::endpoint/text"),
        ),
        (
            "sagemaker",
            "CreateEndpoint",
            {"EndpointConfigName": "c", "EndpointName": "e"},
            ("sagemaker:CreateEndpoint", "sagemaker::endpoint/e"),
        ),
        (
            "sagemaker",
            "CreateEndpointConfig",
            {"EndpointConfigName": "c"},
            ("sagemaker:CreateEndpointConfig", "sagemaker::endpoint-config/c"),
        ),
        (
            "sagemaker",
            "CreateModelPackage",
            {"ModelPackageGroupName": "g"},
            ("sagemaker:CreateModelPackage", "sagemaker::model-package/g/*"),
        ),
        (
            "sagemaker",
            "DescribeModelPackage",
            {"ModelPackageName": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/g/3"},
            ("sagemaker:DescribeModelPackage", "sagemaker::model-package/g/3"),
        ),
        (
            "sagemaker",
            "UpdateModelPackage",
            {"ModelPackageArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/g/3"},
            ("sagemaker:UpdateModelPackage", "sagemaker::model-package/g/3"),
        ),
        (
            "sagemaker",
            "ListModelPackages",
            {"ModelPackageGroupName": "g"},
            ("sagemaker:ListModelPackages", "*"),
        ),
        (
            "stepfunctions",
            "StartExecution",
            {"stateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m", "name": "n"},
            ("states:StartExecution", "states::stateMachine:m"),
        ),
        (
            "stepfunctions",
            "DescribeExecution",
            {"executionArn": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:m:n"},
            ("states:DescribeExecution", "states::execution:m:n"),
        ),
        ("stepfunctions", "SendTaskSuccess", {"taskToken": "t"}, ("states:SendTaskSuccess", "*")),
        (
            "events",
            "PutEvents",
            {"Entries": [{"EventBusName": "b"}]},
            ("events:PutEvents", "events::event-bus/b"),
        ),
        ("events", "PutRule", {"Name": "r"}, ("events:PutRule", "events::rule/r")),
        (
            "events",
            "PutTargets",
            {"Rule": "r", "EventBusName": "b"},
            ("events:PutTargets", "events::rule/b/r"),
        ),
        (
            "events",
            "CreateEventBus",
            {"Name": "b"},
            ("events:CreateEventBus", "events::event-bus/b"),
        ),
        (
            "scheduler",
            "CreateSchedule",
            {"Name": "s", "GroupName": "g"},
            ("scheduler:CreateSchedule", "scheduler::schedule/g/s"),
        ),
        ("ssm", "GetParameter", {"Name": "/a/b"}, ("ssm:GetParameter", "ssm::parameter/a/b")),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": "db"},
            ("secretsmanager:GetSecretValue", "secretsmanager::secret:db-AbCdEf"),
        ),
        ("kms", "Decrypt", {"KeyId": "alias/data"}, ("kms:Decrypt", "kms::key/1234")),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s"},
            ("logs:PutLogEvents", "logs::log-group:g:log-stream:s"),
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "g"},
            ("logs:CreateLogGroup", "logs::log-group:g:log-stream:"),
        ),
        ("cloudwatch", "PutMetricData", {"Namespace": "n"}, ("cloudwatch:PutMetricData", "*")),
        (
            "cloudwatch",
            "PutMetricAlarm",
            {"AlarmName": "a"},
            ("cloudwatch:PutMetricAlarm", "cloudwatch::alarm:a"),
        ),
        (
            "firehose",
            "PutRecord",
            {"DeliveryStreamName": "d"},
            ("firehose:PutRecord", "firehose::deliverystream/d"),
        ),
        (
            "cloudformation",
            "DescribeStacks",
            {"StackName": "s"},
            ("cloudformation:DescribeStacks", "cloudformation::stack/s/*"),
        ),
        (
            "iam",
            "GetRole",
            {"RoleName": "known"},
            ("iam:GetRole", f"iam::{ACCOUNT}:role/team/known"),
        ),
        (
            "sts",
            "AssumeRole",
            {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"},
            ("sts:AssumeRole", f"iam::{ACCOUNT}:role/r"),
        ),
    ],
)
def test_services(
    service: str, operation: str, parameters: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert asked(service, operation, **parameters) == [expected]


def test_ssm_asks_for_each_parameter_by_name() -> None:
    assert asked("ssm", "GetParameters", Names=["/a", "b"]) == [
        ("ssm:GetParameters", "ssm::parameter/a"),
        ("ssm:GetParameters", "ssm::parameter/b"),
    ]


@pytest.mark.parametrize("operation", ["DeleteAlarms", "EnableAlarmActions"])
def test_each_alarm_is_asked_for_by_name(operation: str) -> None:
    assert asked("cloudwatch", operation, AlarmNames=["a", "b"]) == [
        (f"cloudwatch:{operation}", "cloudwatch::alarm:a"),
        (f"cloudwatch:{operation}", "cloudwatch::alarm:b"),
    ]


def test_who_one_is_may_be_asked_freely() -> None:
    assert asked("sts", "GetCallerIdentity") == []


@pytest.mark.parametrize(
    ("service", "operation", "member", "principal"),
    [
        ("lambda", "CreateFunction", "Role", "lambda.amazonaws.com"),
        ("stepfunctions", "CreateStateMachine", "roleArn", "states.amazonaws.com"),
        ("sagemaker", "CreateModel", "ExecutionRoleArn", "sagemaker.amazonaws.com"),
        ("sagemaker", "CreateTrainingJob", "RoleArn", "sagemaker.amazonaws.com"),
        ("scheduler", "CreateSchedule", "Target", "scheduler.amazonaws.com"),
        ("events", "PutTargets", "Targets", "events.amazonaws.com"),
        ("firehose", "CreateDeliveryStream", "S3", "firehose.amazonaws.com"),
    ],
)
def test_who_hands_a_role_to_a_service_must_be_allowed_to_pass_it(
    service: str, operation: str, member: str, principal: str
) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    value: Any = {"Target": {"RoleArn": role}, "Targets": [{"RoleArn": role}]}.get(member, role)
    if member == "S3":
        value = {"RoleARN": role}
    found = demands(service, operation, {"Name": "x", member: value}, PLACE)
    (passed,) = [one for one in found if one.action == "iam:PassRole"]
    assert passed.resource == role
    assert passed.context == {"iam:passedtoservice": principal}
