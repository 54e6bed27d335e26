"""Events on their way to a real function, with and without its permission."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.events.service import EventBridgeService

if TYPE_CHECKING:
    from tests.events.conftest import Queue

Eventually = Callable[..., Any]
HANDLER = """
import json, os, boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as running:
        yield running


def function(cloud: Cloud, queue_url: str, role: str) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", HANDLER)
    answer = cloud.client("lambda").create_function(
        FunctionName="f",
        Runtime="python3.11",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"QUEUE": queue_url}},
    )
    return str(answer["FunctionArn"])


def test_a_function_is_called_once_its_permission_names_the_source(
    cloud: Cloud,
    make_queue: Callable[..., Queue],
    role: str,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue, events, s3 = make_queue("q"), cloud.client("events"), cloud.client("s3")
    arn = function(cloud, queue.url, role)
    rule_arn = events.put_rule(Name="r", EventPattern='{"source": ["shop"]}')["RuleArn"]
    events.put_targets(Rule="r", Targets=[{"Id": "f", "Arn": arn}])
    entry = {"Source": "shop", "DetailType": "Order", "Detail": '{"n": 1}'}
    events.put_events(Entries=[entry])
    eventually(lambda: cloud.service(EventBridgeService).dispatch.courier.failures)
    assert "lambda:InvokeFunction" in caplog.text
    assert queue.is_quiet()

    grant = {"FunctionName": "f", "Action": "lambda:InvokeFunction"}
    grants = cloud.client("lambda")
    principal = "events.amazonaws.com"
    grants.add_permission(StatementId="e", Principal=principal, SourceArn=rule_arn, **grant)
    events.put_events(Entries=[entry])
    assert queue.receive(1, seconds=30)
    assert json.loads(queue.messages[0]["Body"])["detail"] == {"n": 1}

    s3.create_bucket(Bucket="lake")
    one = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    notifications = {"LambdaFunctionConfigurations": [one]}
    with pytest.raises(ClientError, match="Unable to validate"):
        s3.put_bucket_notification_configuration(
            Bucket="lake", NotificationConfiguration=notifications
        )
    principal, source = "s3.amazonaws.com", "arn:aws:s3:::lake"
    grants.add_permission(StatementId="s", Principal=principal, SourceArn=source, **grant)
    s3.put_bucket_notification_configuration(Bucket="lake", NotificationConfiguration=notifications)
    s3.put_object(Bucket="lake", Key="k", Body=b"1")
    queue.receive(2, seconds=30)
    assert json.loads(queue.messages[1]["Body"])["Records"][0]["s3"]["object"]["key"] == "k"
