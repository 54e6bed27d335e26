"""Subscription filters: log events that reach functions and delivery streams."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.cloud import Cloud
from localcloud.service import Service

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:readers"


class FakeLambda(Service):
    """Remembers what it is invoked with; open to CloudWatch Logs, for the group `app`."""

    service_name = "lambda"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.payloads: list[dict[str, Any]] = []

    def resource_policy(self, arn: str) -> dict[str, Any]:
        source = "arn:aws:logs:us-east-1:123456789012:log-group:app:*"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "logs.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": arn,
            "Condition": {"ArnLike": {"aws:SourceArn": source}},
        }
        return {"Version": "2012-10-17", "Statement": [statement]}

    def invoke(self, request: Request, caller: Caller) -> Response:
        if request["FunctionName"] != FUNCTION:
            raise ServiceError("ResourceNotFoundException", "no such function", 404)
        if request["InvocationType"] == "Event":
            self.payloads.append(json.loads(request["Payload"]))
        return {"StatusCode": 202, "Payload": b""}


class FakeFirehose(Service):
    """Remembers who put which records."""

    service_name = "firehose"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.records: list[tuple[str | None, str, bytes]] = []

    def put_record(self, request: Request, caller: Caller) -> Response:
        record = (caller.role_arn, request["DeliveryStreamName"], request["Record"]["Data"])
        self.records.append(record)
        return {"RecordId": "1"}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(services=[FakeLambda, FakeFirehose]) as running:
        for group in ("app", "other"):
            running.client("logs").create_log_group(logGroupName=group)
            running.client("logs").create_log_stream(logGroupName=group, logStreamName="one")
        yield running


def put_filter(cloud: Cloud, name: str = "errors", **options: Any) -> None:
    request = {"logGroupName": "app", "filterPattern": "ERROR", "destinationArn": FUNCTION}
    cloud.client("logs").put_subscription_filter(filterName=name, **request | options)


def put_events(cloud: Cloud, *messages: str) -> None:
    now = int(cloud.clock.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    cloud.client("logs").put_log_events(logGroupName="app", logStreamName="one", logEvents=events)


def received(cloud: Cloud) -> list[dict[str, Any]]:
    """What the function has got, unpacked, once something has come."""
    deadline = time.monotonic() + 5
    while not (payloads := cloud.service(FakeLambda).payloads):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    packed = [base64.b64decode(payload["awslogs"]["data"]) for payload in payloads]
    return [json.loads(gzip.decompress(data)) for data in packed]


def test_a_function_gets_the_events_that_match(cloud: Cloud) -> None:
    put_filter(cloud)
    put_events(cloud, "ERROR: 紙", "fine", "ERROR: ink")
    [message] = received(cloud)
    assert message["messageType"] == "DATA_MESSAGE"
    assert message["owner"] == cloud.account.id
    assert (message["logGroup"], message["logStream"]) == ("app", "one")
    assert message["subscriptionFilters"] == ["errors"]
    assert [event["message"] for event in message["logEvents"]] == ["ERROR: 紙", "ERROR: ink"]
    assert all(event["id"] and event["timestamp"] for event in message["logEvents"])


def test_a_delivery_stream_gets_them_as_the_filters_role(cloud: Cloud) -> None:
    def document(**statement: Any) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", **statement}})

    iam = cloud.client("iam")
    trust = document(Principal={"Service": "logs.amazonaws.com"}, Action="sts:AssumeRole")
    role = iam.create_role(RoleName="logs", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    grant = document(Action="firehose:PutRecord", Resource="*")
    iam.put_role_policy(RoleName="logs", PolicyName="own", PolicyDocument=grant)
    stream = f"arn:aws:firehose:{cloud.region}:{cloud.account.id}:deliverystream/s"
    put_filter(cloud, destinationArn=stream, roleArn=role)
    put_events(cloud, "ERROR: ink")
    deadline = time.monotonic() + 5
    while not (records := cloud.service(FakeFirehose).records):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    [(caller, name, data)] = records
    assert (caller, name) == (role, "s")
    [event] = json.loads(gzip.decompress(data))["logEvents"]
    assert event["message"] == "ERROR: ink"


def test_a_function_that_does_not_let_the_group_in_is_refused(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="Could not execute the lambda function"):
        put_filter(cloud, logGroupName="other")
    with pytest.raises(ClientError, match="Could not execute the lambda function"):
        put_filter(cloud, destinationArn=FUNCTION + "-gone")


@pytest.mark.parametrize(
    "options",
    [
        {"filterPattern": "{ $.a"},
        {"destinationArn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"},
        {"destinationArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/s"},
    ],
)
def test_what_can_not_be_is_refused(cloud: Cloud, options: Any) -> None:
    with pytest.raises(ClientError, match="InvalidParameterException"):
        put_filter(cloud, **options)


def test_filters_are_replaced_listed_limited_and_deleted(cloud: Cloud) -> None:
    logs = cloud.client("logs")
    put_filter(cloud, "one")
    put_filter(cloud, "one", filterPattern="WARN")
    put_filter(cloud, "two")
    with pytest.raises(ClientError, match="LimitExceededException"):
        put_filter(cloud, "three")
    found = logs.describe_subscription_filters(logGroupName="app")["subscriptionFilters"]
    assert [(f["filterName"], f["filterPattern"]) for f in found] == [
        ("one", "WARN"),
        ("two", "ERROR"),
    ]
    logs.delete_subscription_filter(logGroupName="app", filterName="two")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.delete_subscription_filter(logGroupName="app", filterName="two")
    logs.delete_log_group(logGroupName="app")
    logs.create_log_group(logGroupName="app")
    assert not logs.describe_subscription_filters(logGroupName="app")["subscriptionFilters"]
