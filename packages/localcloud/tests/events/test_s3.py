"""S3's notifications to functions, queues, topics and EventBridge."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud

if TYPE_CHECKING:
    from tests.events.conftest import Queue, RecordedLambda

Eventually = Callable[..., Any]
MakeQueue = Callable[..., "Queue"]
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    client = cloud.client("s3")
    client.create_bucket(Bucket="lake")
    return client


def subscribe(s3: Any, kind: str, destination: str, *events: str, **filters: str) -> None:
    rules = [{"Name": name, "Value": value} for name, value in filters.items()]
    member = {"Lambda": "LambdaFunction"}.get(kind, kind)
    one = {f"{member}Arn": destination, "Events": list(events)}
    if rules:
        one["Filter"] = {"Key": {"FilterRules": rules}}  # type: ignore[assignment]
    s3.put_bucket_notification_configuration(
        Bucket="lake", NotificationConfiguration={f"{member}Configurations": [one]}
    )


def test_a_function_is_told_of_a_new_object(
    s3: Any, functions: RecordedLambda, eventually: Eventually
) -> None:
    subscribe(s3, "Lambda", f"{FUNCTION}:f", "s3:ObjectCreated:*", prefix="raw/", suffix=".txt")
    s3.put_object(Bucket="lake", Key="other/a.txt", Body=b"x")
    s3.put_object(Bucket="lake", Key="raw/a.json", Body=b"x")
    put = s3.put_object(Bucket="lake", Key="raw/日本 語+1.txt", Body="あ".encode())
    eventually(lambda: functions.calls)
    [(name, payload, caller)] = functions.calls
    assert name == "f"
    [record] = payload["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert (record["eventSource"], record["eventVersion"]) == ("aws:s3", "2.1")
    assert record["s3"]["bucket"]["arn"] == "arn:aws:s3:::lake"
    described = record["s3"]["object"]
    assert described["key"] == "raw/%E6%97%A5%E6%9C%AC+%E8%AA%9E%2B1.txt"
    assert described["size"] == 3
    assert f'"{described["eTag"]}"' == put["ETag"]
    assert "versionId" not in described
    assert (caller.service, caller.source_arn) == ("s3.amazonaws.com", "arn:aws:s3:::lake")


def test_a_queue_has_a_test_event_first_and_then_what_happens(
    s3: Any, make_queue: MakeQueue
) -> None:
    s3.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
    queue = make_queue("q")
    subscribe(s3, "Queue", queue.arn, "s3:ObjectCreated:*", "s3:ObjectRemoved:*")
    version = s3.put_object(Bucket="lake", Key="k", Body=b"12345")["VersionId"]
    s3.copy_object(Bucket="lake", Key="c", CopySource="lake/k")
    upload = s3.create_multipart_upload(Bucket="lake", Key="m")["UploadId"]
    names = {"Bucket": "lake", "Key": "m", "UploadId": upload}
    part = s3.upload_part(**names, PartNumber=1, Body=b"part")
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
    s3.delete_object(Bucket="lake", Key="k")
    s3.delete_object(Bucket="lake", Key="k", VersionId=version)
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "c"}, {"Key": "m"}]})
    first, *others = queue.bodies(8)
    assert (first["Event"], first["Bucket"]) == ("s3:TestEvent", "lake")
    records = [body["Records"][0] for body in others]
    assert [(r["eventName"], r["s3"]["object"]["key"]) for r in records] == [
        ("ObjectCreated:Put", "k"),
        ("ObjectCreated:Copy", "c"),
        ("ObjectCreated:CompleteMultipartUpload", "m"),
        ("ObjectRemoved:DeleteMarkerCreated", "k"),
        ("ObjectRemoved:Delete", "k"),
        ("ObjectRemoved:DeleteMarkerCreated", "c"),
        ("ObjectRemoved:DeleteMarkerCreated", "m"),
    ]
    assert records[0]["s3"]["object"]["versionId"] == version
    assert records[4]["s3"]["object"]["versionId"] == version
    assert [r["s3"]["object"]["size"] for r in records[:3]] == [5, 5, 4]
    order = [r["s3"]["object"]["sequencer"] for r in records]
    assert order == sorted(order)


def test_eventbridge_is_told_with_the_documented_detail(
    cloud: Cloud, s3: Any, functions: RecordedLambda, eventually: Eventually
) -> None:
    s3.put_bucket_notification_configuration(
        Bucket="lake", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    events = cloud.client("events")
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": ["lake"]}}}
    events.put_rule(Name="all", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="all", Targets=[{"Id": "f", "Arn": f"{FUNCTION}:f"}])
    s3.put_object(Bucket="lake", Key="日本.txt", Body=b"12345", Tagging="a=b")
    s3.put_object_tagging(
        Bucket="lake", Key="日本.txt", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}
    )
    s3.delete_object(Bucket="lake", Key="日本.txt")
    eventually(lambda: len(functions.calls) == 3)
    created, tagged, deleted = functions.payloads("f")
    assert created["detail-type"] == "Object Created"
    assert created["resources"] == ["arn:aws:s3:::lake"]
    assert created["detail"]["reason"] == "PutObject"
    assert created["detail"]["object"]["key"] == "日本.txt"
    assert created["detail"]["object"]["size"] == 5
    assert created["detail"]["object"]["etag"] == "827ccb0eea8a706c4c34a16891f84e7b"
    assert tagged["detail-type"] == "Object Tags Added"
    assert (deleted["detail-type"], deleted["detail"]["reason"]) == (
        "Object Deleted",
        "DeleteObject",
    )
    assert deleted["detail"]["deletion-type"] == "Permanently Deleted"


def test_a_topic_passes_a_notification_on(cloud: Cloud, s3: Any, make_queue: MakeQueue) -> None:
    queue, sns = make_queue("q"), cloud.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    subscribe(s3, "Topic", topic, "s3:ObjectCreated:Put")
    s3.put_object(Bucket="lake", Key="k", Body=b"1")
    test_event, notice = (json.loads(body["Message"]) for body in queue.bodies(2))
    assert test_event["Event"] == "s3:TestEvent"
    assert notice["Records"][0]["s3"]["object"]["key"] == "k"


def test_a_quiet_deletion_is_told_too(
    s3: Any, functions: RecordedLambda, eventually: Eventually
) -> None:
    s3.put_object(Bucket="lake", Key="k", Body=b"1")
    subscribe(s3, "Lambda", f"{FUNCTION}:f", "s3:ObjectRemoved:*")
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "k"}], "Quiet": True})
    eventually(lambda: functions.calls)
    [payload] = functions.payloads("f")
    assert payload["Records"][0]["eventName"] == "ObjectRemoved:Delete"


def test_a_configuration_is_given_back_and_replaced_and_goes_with_the_bucket(s3: Any) -> None:
    subscribe(s3, "Lambda", f"{FUNCTION}:f", "s3:ObjectCreated:*", prefix="a/")
    given = s3.get_bucket_notification_configuration(Bucket="lake")
    [one] = given["LambdaFunctionConfigurations"]
    assert one["LambdaFunctionArn"] == f"{FUNCTION}:f"
    assert one["Filter"]["Key"]["FilterRules"][0]["Value"] == "a/"
    assert one["Id"]
    s3.put_bucket_notification_configuration(Bucket="lake", NotificationConfiguration={})
    given = s3.get_bucket_notification_configuration(Bucket="lake")
    assert "LambdaFunctionConfigurations" not in given
    subscribe(s3, "Lambda", f"{FUNCTION}:f", "s3:ObjectCreated:*")
    s3.delete_bucket(Bucket="lake")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.get_bucket_notification_configuration(Bucket="lake")


def test_a_destination_that_can_not_be_reached_is_refused(s3: Any) -> None:
    for kind, arn in [
        ("Queue", "arn:aws:sqs:us-east-1:123456789012:nowhere"),
        ("Topic", "arn:aws:sns:us-east-1:123456789012:nowhere"),
        ("Lambda", f"{FUNCTION}:missing"),
        ("Lambda", f"{FUNCTION}:denied"),
        ("Queue", "nowhere"),
    ]:
        with pytest.raises(ClientError, match="InvalidArgument"):
            subscribe(s3, kind, arn, "s3:ObjectCreated:*")
    configuration = s3.get_bucket_notification_configuration(Bucket="lake")
    assert not any(name.endswith("Configurations") for name in configuration)


def test_a_bad_configuration_is_refused(s3: Any) -> None:
    with pytest.raises(ClientError, match="must be either prefix or suffix"):
        subscribe(s3, "Lambda", f"{FUNCTION}:f", "s3:ObjectCreated:*", middle="x")
    twice = [
        {"LambdaFunctionArn": f"{FUNCTION}:f", "Events": ["s3:ObjectCreated:*"]},
        {"LambdaFunctionArn": f"{FUNCTION}:g", "Events": ["s3:ObjectCreated:Put"]},
    ]
    with pytest.raises(ClientError, match="Configurations overlap"):
        s3.put_bucket_notification_configuration(
            Bucket="lake", NotificationConfiguration={"LambdaFunctionConfigurations": twice}
        )


def test_a_put_that_fails_is_not_told(
    s3: Any, functions: RecordedLambda, eventually: Eventually
) -> None:
    subscribe(s3, "Lambda", f"{FUNCTION}:f", "s3:ObjectCreated:*")
    s3.put_object(Bucket="lake", Key="k", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="lake", Key="k", Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket="lake", Key="last", Body=b"3")
    eventually(lambda: len(functions.calls) == 2)
    keys = [p["Records"][0]["s3"]["object"]["key"] for p in functions.payloads("f")]
    assert keys == ["k", "last"]
