"""The one address, asked as clients ask it: boto3, the AWS CLI, and plain HTTP."""

from __future__ import annotations

import errno
import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.cloud import Cloud
from localcloud.service import Service


class Registry(Service):
    """A service of ours as the others are: one operation that works, others that fail."""

    service_name = "sagemaker"

    def describe_model(self, request: Request, caller: Caller) -> Response:
        if request["ModelName"] == "missing":
            raise ServiceError("ResourceNotFound", "no such model")
        if request["ModelName"] == "broken":
            raise KeyError("a bug")
        if request["ModelName"] == "full":
            raise OSError(errno.ENOSPC, "No space left on device", "/data/file")
        return {
            "ModelName": request["ModelName"],
            "ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/one",
            "CreationTime": self.account.clock.now(),
        }


class Endpoints(Service):
    """Answers with bytes, with a stream of events, and with an error inside of a stream."""

    service_name = "sagemaker-runtime"

    def invoke_endpoint(self, request: Request, caller: Caller) -> Response:
        return {"Body": iter([request["Body"], b"!"]), "ContentType": "text/plain"}

    def invoke_endpoint_with_response_stream(self, request: Request, caller: Caller) -> Response:
        def parts() -> Iterator[dict[str, Any]]:
            for word in request["Body"].split():
                yield {"PayloadPart": {"Bytes": word}}
            if request["EndpointName"] == "failing":
                raise ServiceError("ModelStreamError", "it broke", 400, ErrorCode="E1")

        return {"Body": parts(), "ContentType": "text/event-stream"}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with Cloud(services=[Registry, Endpoints], work_dir=tmp_path) as running:
        yield running


def other_client(cloud: Cloud, service: str, **more: Any) -> Any:
    """A client as any other tool makes it: unknown keys, another region."""
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint_url,
        region_name="ap-northeast-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        **more,
    )


def http_status(request: str | urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_each_service_of_moto_answers_whatever_region_signs(cloud: Cloud) -> None:
    queue = other_client(cloud, "sqs").create_queue(QueueName="jobs")["QueueUrl"]
    assert queue == f"{cloud.endpoint_url}/{cloud.account.id}/jobs"
    assert cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="x")["MessageId"]
    topic = other_client(cloud, "sns").create_topic(Name="news")["TopicArn"]
    assert topic == f"arn:aws:sns:{cloud.region}:{cloud.account.id}:news"
    other_client(cloud, "ssm").put_parameter(Name="/a", Value="1", Type="String")
    assert cloud.client("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "1"
    secret = other_client(cloud, "secretsmanager").create_secret(Name="s", SecretString="v")
    assert secret["ARN"].startswith(f"arn:aws:secretsmanager:{cloud.region}:{cloud.account.id}:")
    key = other_client(cloud, "kms").create_key()["KeyMetadata"]["KeyId"]
    sealed = cloud.client("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    assert cloud.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"
    other_client(cloud, "logs").create_log_group(logGroupName="g")
    assert cloud.client("logs").describe_log_groups()["logGroups"][0]["logGroupName"] == "g"
    assert other_client(cloud, "dynamodbstreams").list_streams()["Streams"] == []
    assert cloud.client("iam").list_roles()["Roles"] == []


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_cloudwatch_answers_in_each_of_its_protocols(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    client = _speaking(cloud, protocol)
    client.put_metric_data(Namespace="shop", MetricData=[{"MetricName": "sales", "Value": 1.5}])
    assert client.list_metrics(Namespace="shop")["Metrics"][0]["MetricName"] == "sales"
    with pytest.raises(ClientError) as error:
        client.get_dashboard(DashboardName="none")
    assert error.value.response["Error"]["Code"] in ("ResourceNotFound", "DashboardNotFoundError")


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_what_an_sdk_compresses_is_read(cloud: Cloud, protocol: str) -> None:
    names = [f"sales of shop number {number}" for number in range(500)]
    _speaking(cloud, protocol).put_metric_data(
        Namespace="large", MetricData=[{"MetricName": name, "Value": 1.5} for name in names]
    )
    pages = cloud.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace="large")
    assert sorted(m["MetricName"] for p in pages for m in p["Metrics"]) == sorted(names)


def test_what_is_no_gzip_is_the_clients_fault(cloud: Cloud) -> None:
    client = cloud.client("cloudwatch")

    def claim(request: Any, **more: Any) -> None:
        request.headers["Content-Encoding"] = "gzip"

    client.meta.events.register("before-send", claim)
    with pytest.raises(ClientError, match="isn't gzip"):
        client.put_metric_data(Namespace="a", MetricData=[{"MetricName": "m", "Value": 1.5}])


def test_a_compressed_object_stays_as_it_is(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="packed")
    s3.put_object(Bucket="packed", Key="a", Body=b"no gzip at all", ContentEncoding="gzip")
    assert s3.get_object(Bucket="packed", Key="a")["Body"].read() == b"no gzip at all"


def _speaking(cloud: Cloud, protocol: str) -> Any:
    session = boto3.Session()
    loader = session._loader
    load = loader.load_service_model

    def limited(service: str, *arguments: Any, **more: Any) -> Any:
        model = load(service, *arguments, **more)
        if "protocols" in model.get("metadata", {}):
            model = {**model, "metadata": {**model["metadata"], "protocols": [protocol]}}
        return model

    loader.load_service_model = limited
    return session.client(
        "cloudwatch",
        endpoint_url=cloud.endpoint_url,
        region_name=cloud.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def test_objects_keep_their_odd_keys_and_metadata(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="lake")
    for key in ("a b", "a%2Fb", "日本語/ﾃｽﾄ", "a//b", "dot/../dot", "plus+and&=?"):
        s3.put_object(Bucket="lake", Key=key, Body=key.encode(), Metadata={"my_name": "v"})
        found = s3.get_object(Bucket="lake", Key=key)
        assert found["Body"].read() == key.encode()
        assert found["Metadata"] == {"my_name": "v"}
    assert len(s3.list_objects_v2(Bucket="lake")["Contents"]) == 6


def test_large_and_multipart_uploads_arrive_whole(cloud: Cloud, tmp_path: Path) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="lake")
    content = os.urandom(20 * 1024 * 1024)
    (tmp_path / "big").write_bytes(content)
    s3.upload_file(str(tmp_path / "big"), "lake", "big")
    assert s3.get_object(Bucket="lake", Key="big")["Body"].read() == content
    ranged = s3.get_object(Bucket="lake", Key="big", Range="bytes=5-9")
    assert ranged["Body"].read() == content[5:10]


def test_one_of_a_hundred_conditional_writes_wins(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="lake")

    def write(number: int) -> bool:
        try:
            s3.put_object(Bucket="lake", Key="head", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"
            return False
        return True

    with ThreadPoolExecutor(100) as pool:
        winners = [number for number, won in enumerate(pool.map(write, range(100))) if won]
    assert len(winners) == 1
    assert s3.get_object(Bucket="lake", Key="head")["Body"].read() == str(winners[0]).encode()


def test_conditional_updates_of_a_table_lose_none(cloud: Cloud) -> None:
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def spend(_: int) -> bool:
        try:
            dynamodb.update_item(
                TableName="ledger",
                Key={"id": {"S": "budget"}},
                UpdateExpression="ADD used :one",
                ConditionExpression="attribute_not_exists(used) OR used < :limit",
                ExpressionAttributeValues={":one": {"N": "1"}, ":limit": {"N": "30"}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(spend, range(60))) == 30
    item = dynamodb.get_item(TableName="ledger", Key={"id": {"S": "budget"}})["Item"]
    assert item["used"] == {"N": "30"}


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_url_needs_no_credentials_until_it_expires(cloud: Cloud, version: str) -> None:
    s3 = other_client(cloud, "s3", config=Config(signature_version=version))
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="a b", Body=b"content")
    where = {"Bucket": "lake", "Key": "a b"}
    url = s3.generate_presigned_url("get_object", where)
    assert http_status(url) == (200, b"content")
    put = s3.generate_presigned_url("put_object", {"Bucket": "lake", "Key": "new"})
    upload = urllib.request.Request(put, data=b"new", method="PUT")
    assert http_status(upload)[0] == 200
    assert s3.get_object(Bucket="lake", Key="new")["Body"].read() == b"new"
    short = s3.generate_presigned_url("get_object", where, ExpiresIn=1)
    time.sleep(2.1)
    status, body = http_status(short)
    assert status == 403
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in body


def test_a_presigned_url_acts_as_who_signed_it(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="lake")
    cloud.client("s3").put_object(Bucket="lake", Key="a", Body=b"x")
    nobody = Caller.role(f"arn:aws:iam::{cloud.account.id}:role/nobody", "s")
    where = {"Bucket": "lake", "Key": "a"}
    url = cloud.client("s3", nobody).generate_presigned_url("get_object", where)
    status, body = http_status(url)
    assert status == 403
    assert b"assumed-role/nobody/s is not authorized to perform: s3:GetObject" in body
    unfinished = url.replace("X-Amz-Security-Token=", "X-Amz-Other=")
    assert http_status(unfinished)[0] == 403


def test_unsigned_requests_are_refused_in_the_services_own_shape(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="lake")
    status, body = http_status(f"{cloud.endpoint_url}/lake/key")
    assert status == 403
    assert body.startswith(b"<?xml")
    assert b"<Error><Code>AccessDenied</Code>" in body
    target = urllib.request.Request(
        cloud.endpoint_url,
        data=b"{}",
        headers={
            "X-Amz-Target": "DynamoDB_20120810.ListTables",
            "Content-Type": "application/x-amz-json-1.0",
        },
    )
    status, body = http_status(target)
    assert status == 403
    assert json.loads(body)["__type"] == "MissingAuthenticationToken"
    assert http_status(cloud.endpoint_url)[0] == 403


def test_broken_requests_are_the_clients_fault(cloud: Cloud) -> None:
    signed = {
        "Authorization": "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0, "
        "Credential=test/20260101/us-east-1/dynamodb/aws4_request",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.GetItem",
    }

    def ask(body: bytes, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(
            cloud.endpoint_url, data=body, headers=signed | headers, method="POST"
        )
        status, answer = http_status(request)
        return status, json.loads(answer)

    for broken in (b"{", b"[]", b'"text"', b"\xff\xfe", b'{"Key": 7}', b'{"Key":' * 50_000):
        status, answer = ask(broken)
        assert (status, answer["__type"]) in [
            (400, "SerializationException"),
            (400, "ValidationException"),
        ]
    status, answer = ask(b"{}")
    assert status == 400
    assert answer["__type"] == "ValidationException"
    assert "TableName" in answer["message"]
    assert "Key" in answer["message"]
    status, answer = ask(b"{}", **{"X-Amz-Target": "DynamoDB_20120810.Nothing"})
    assert status == 400
    assert answer["__type"] == "UnknownOperationException"
    for credential in ("Credential=test", "nothing"):
        status, answer = ask(b"{}", Authorization=f"AWS4-HMAC-SHA256 {credential}")
        assert (status, answer["__type"]) == (400, "IncompleteSignature")


def test_a_body_that_is_cut_short_is_no_object(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="lake")
    url = urlsplit(s3.generate_presigned_url("put_object", {"Bucket": "lake", "Key": "cut"}))
    head = (
        f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 100\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"half")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ") and b"IncompleteBody" in answer
    assert s3.list_objects_v2(Bucket="lake")["KeyCount"] == 0


def test_a_body_that_grows_without_end_is_refused(cloud: Cloud) -> None:
    signed = {
        "Authorization": "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0, "
        "Credential=test/20260101/us-east-1/monitoring/aws4_request",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Encoding": "gzip",
    }
    body = gzip.compress(b"0" * (17 << 20))
    request = urllib.request.Request(cloud.endpoint_url, data=body, headers=signed, method="POST")
    assert http_status(request)[0] == 413


def test_a_service_of_another_cloud_is_refused_by_name(cloud: Cloud) -> None:
    for service, call in (("ecs", "list_clusters"), ("batch", "describe_job_queues")):
        with pytest.raises(ClientError, match=f"doesn't run the service '{service}'"):
            getattr(other_client(cloud, service), call)()
    with pytest.raises(ClientError, match="sagemaker ListModels"):
        cloud.client("sagemaker").list_models()


def test_errors_are_raised_as_the_sdks_own_classes(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    with pytest.raises(sagemaker.exceptions.ResourceNotFound, match="no such model") as error:
        sagemaker.describe_model(ModelName="missing")
    metadata = error.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 400
    assert metadata["RequestId"]
    sqs = cloud.client("sqs")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=f"{cloud.endpoint_url}/{cloud.account.id}/no", MessageBody="x")
    s3 = cloud.client("s3")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="missing")


def test_a_bug_in_a_service_is_an_answer_and_a_log_entry(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ClientError) as error:
        cloud.client("sagemaker").describe_model(ModelName="broken")
    assert error.value.response["Error"]["Code"] == "InternalFailure"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert "a bug" in caplog.text
    assert cloud.client("sagemaker").describe_model(ModelName="one")["ModelName"] == "one"


def test_a_full_disk_is_said_without_a_traceback(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ClientError, match=r"No space left on device \(/data/file\): free some"):
        cloud.client("sagemaker").describe_model(ModelName="full")
    assert "Traceback" not in caplog.text


def test_times_cross_the_wire(cloud: Cloud) -> None:
    created = cloud.client("sagemaker").describe_model(ModelName="one")["CreationTime"]
    assert abs(created.timestamp() - time.time()) < 5


def test_bodies_and_events_stream(cloud: Cloud) -> None:
    runtime = cloud.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="one", Body=b"\x00\xff")
    assert answer["Body"].read() == b"\x00\xff!"
    assert answer["ContentType"] == "text/plain"
    streamed = runtime.invoke_endpoint_with_response_stream(EndpointName="one", Body=b"a b c")
    parts = [event["PayloadPart"]["Bytes"] for event in streamed["Body"]]
    assert parts == [b"a", b"b", b"c"]
    failing = runtime.invoke_endpoint_with_response_stream(EndpointName="failing", Body=b"a")
    with pytest.raises(ClientError, match="it broke"):
        list(failing["Body"])


def test_the_aws_cli_works_against_it(cloud: Cloud, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        **cloud.account.credentials(Caller.administrator()),
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }

    def aws(*arguments: str) -> Any:
        command = [str(Path(sys.executable).with_name("aws")), *arguments, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    (tmp_path / "file").write_text("content")
    aws("s3", "mb", "s3://lake")
    aws("s3", "cp", str(tmp_path / "file"), "s3://lake/file")
    assert "file" in aws("s3", "ls", "s3://lake")
    assert aws("sts", "get-caller-identity")["Account"] == cloud.account.id


def test_waiting_calls_hold_no_other_up(cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    waiting = [
        threading.Thread(
            target=sqs.receive_message, kwargs={"QueueUrl": queue, "WaitTimeSeconds": 3}
        )
        for _ in range(60)
    ]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    cloud.client("sts").get_caller_identity()
    sqs.create_queue(QueueName="other")
    assert time.monotonic() - started < 2
    for thread in waiting:
        thread.join()


def test_expect_continue_chunks_and_keep_alive(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="lake")
    where = {"Bucket": "lake", "Key": "chunked"}
    url = cloud.client("s3").generate_presigned_url("put_object", where)
    path = url.removeprefix(cloud.endpoint_url)
    connection = http.client.HTTPConnection("127.0.0.1", int(cloud.endpoint_url.rpartition(":")[2]))
    connection.request(
        "PUT",
        path,
        iter([b"one ", b"two"]),
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked", "Expect": "100-continue"},
    )
    response = connection.getresponse()
    response.read()
    assert response.status == 200
    connection.request("GET", "/_localcloud/health")
    assert json.loads(connection.getresponse().read())["status"] == "running"
    found = cloud.client("s3").get_object(Bucket="lake", Key="chunked")
    assert found["Body"].read() == b"one two"


def test_a_head_of_an_object_has_its_length_and_no_body(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="a", Body=b"12345")
    assert s3.head_object(Bucket="lake", Key="a")["ContentLength"] == 5
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="lake", Key="b")


def test_what_moto_can_make_no_sense_of_is_refused_and_not_tried_again(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="a", Body=b"")
    with pytest.raises(ClientError, match="can't make sense of the request") as refused:
        s3.restore_object(Bucket="lake", Key="a")
    metadata = refused.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (400, 0)
