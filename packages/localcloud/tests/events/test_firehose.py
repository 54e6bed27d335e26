"""Firehose: records become objects, by time, size and partition."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud

if TYPE_CHECKING:
    from tests.events.conftest import RecordedLambda

Eventually = Callable[..., Any]
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def firehose(cloud: Cloud) -> Any:
    cloud.client("s3").create_bucket(Bucket="lake")
    return cloud.client("firehose")


@pytest.fixture
def objects(cloud: Cloud, firehose: Any) -> Callable[[], dict[str, bytes]]:
    s3 = cloud.client("s3")

    def read() -> dict[str, bytes]:
        listed = s3.list_objects_v2(Bucket="lake").get("Contents", [])
        keys = [one["Key"] for one in listed]
        return {key: s3.get_object(Bucket="lake", Key=key)["Body"].read() for key in keys}

    return read


def create(firehose: Any, role: str, **members: Any) -> str:
    configuration = {
        "RoleARN": role,
        "BucketARN": "arn:aws:s3:::lake",
        "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 1},
    }
    answer = firehose.create_delivery_stream(
        DeliveryStreamName="s", ExtendedS3DestinationConfiguration=configuration | members
    )
    return str(answer["DeliveryStreamARN"])


def put(firehose: Any, *documents: Any) -> None:
    records = [{"Data": json.dumps(document).encode()} for document in documents]
    answer = firehose.put_record_batch(DeliveryStreamName="s", Records=records)
    assert answer["FailedPutCount"] == 0


PARTITIONED: dict[str, Any] = {
    "Prefix": "log/model=!{partitionKeyFromQuery:m}/dt=!{timestamp:yyyy-MM-dd}/",
    "ErrorOutputPrefix": "bad/!{firehose:error-output-type}/",
    "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 64},
    "DynamicPartitioningConfiguration": {"Enabled": True},
    "CompressionFormat": "GZIP",
    "ProcessingConfiguration": {
        "Enabled": True,
        "Processors": [
            {
                "Type": "MetadataExtraction",
                "Parameters": [
                    {"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{m: .model}"},
                    {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
                ],
            },
            {"Type": "AppendDelimiterToRecord", "Parameters": []},
        ],
    },
}


def test_a_buffer_is_written_when_its_time_has_come(
    cloud: Cloud, firehose: Any, objects: Any, role: str, eventually: Eventually
) -> None:
    create(firehose, role, Prefix="raw/")
    put(firehose, {"n": 1}, {"n": 2})
    put(firehose, {"n": 3})
    assert objects() == {}
    now = cloud.clock.now()
    cloud.clock.advance(MINUTE)
    eventually(objects)
    [(key, data)] = objects().items()
    assert key.startswith(f"raw/{now:%Y/%m/%d/%H}/s-1-{now:%Y-%m-%d}")
    assert data == b'{"n": 1}{"n": 2}{"n": 3}'


def test_a_full_buffer_is_written_at_once(
    firehose: Any, objects: Any, role: str, eventually: Eventually
) -> None:
    create(firehose, role)
    put(firehose, "x" * 600_000)
    put(firehose, "x" * 600_000)
    eventually(objects)


def test_records_are_partitioned_and_bad_ones_set_aside(
    cloud: Cloud, firehose: Any, objects: Any, role: str, eventually: Eventually
) -> None:
    create(firehose, role, **PARTITIONED)
    put(firehose, {"model": "日本", "n": 1}, {"model": "b", "n": 2}, {"model": "日本", "n": 3})
    firehose.put_record(DeliveryStreamName="s", Record={"Data": b"not json"})
    put(firehose, {"n": 4})
    cloud.clock.advance(MINUTE)
    eventually(lambda: len(objects()) == 3)
    found = {k.split("/")[1]: gzip.decompress(v).decode() for k, v in objects().items()}
    assert all(key.endswith(".gz") for key in objects())
    first = [json.loads(line)["n"] for line in found["model=日本"].splitlines()]
    assert first == [1, 3]
    assert [json.loads(line)["n"] for line in found["model=b"].splitlines()] == [2]
    bad = [json.loads(line) for line in found["metadata-extraction-failed"].splitlines()]
    raw = {base64.b64decode(line["rawData"]) for line in bad}
    assert raw == {b"not json", b'{"n": 4}'}


def test_a_function_transforms_drops_and_fails_records(
    cloud: Cloud,
    firehose: Any,
    objects: Any,
    role: str,
    functions: RecordedLambda,
    eventually: Eventually,
) -> None:
    def answer(event: dict[str, Any]) -> dict[str, Any]:
        results = ["Ok", "Dropped", "ProcessingFailed"]
        data = base64.b64encode(b"new").decode()
        return {
            "records": [
                {"recordId": record["recordId"], "result": result, "data": data}
                for record, result in zip(event["records"], results, strict=True)
            ]
        }

    functions.answer = answer
    parameters = [{"ParameterName": "LambdaArn", "ParameterValue": f"{FUNCTION}:f"}]
    processors = [{"Type": "Lambda", "Parameters": parameters}]
    processing = {"Enabled": True, "Processors": processors}
    create(firehose, role, ProcessingConfiguration=processing)
    put(firehose, 1, 2, 3)
    cloud.clock.advance(MINUTE)
    eventually(lambda: len(objects()) == 2)
    by_kind = {key.startswith("processing-failed/"): data for key, data in objects().items()}
    assert by_kind[False] == b"new"
    assert base64.b64decode(json.loads(by_kind[True])["rawData"]) == b"3"


def test_a_missing_grant_keeps_the_records_until_it_comes(
    cloud: Cloud,
    firehose: Any,
    objects: Any,
    role: str,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    iam = cloud.client("iam")
    create(firehose, role)
    iam.delete_role_policy(RoleName="sender", PolicyName="all")
    put(firehose, 1)
    cloud.clock.advance(MINUTE)
    eventually(lambda: "s3:PutObject" in caplog.text)
    assert "delivery stream s, 1 records" in caplog.text
    assert objects() == {}
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::lake/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="sender", PolicyName="late", PolicyDocument=document)
    cloud.clock.advance(5 * MINUTE)
    eventually(objects)


def test_what_is_buffered_is_written_when_a_stream_goes(
    firehose: Any, objects: Any, role: str, eventually: Eventually
) -> None:
    create(firehose, role)
    put(firehose, 1)
    firehose.delete_delivery_stream(DeliveryStreamName="s")
    assert list(eventually(objects).values()) == [b"1"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        put(firehose, 2)


def test_the_life_of_a_stream(firehose: Any, role: str) -> None:
    arn = create(firehose, role, Prefix="a/")
    with pytest.raises(ClientError, match="ResourceInUseException"):
        create(firehose, role)
    described = firehose.describe_delivery_stream(DeliveryStreamName="s")
    description = described["DeliveryStreamDescription"]
    assert description["DeliveryStreamARN"] == arn
    assert description["DeliveryStreamStatus"] == "ACTIVE"
    destination = description["Destinations"][0]
    assert destination["ExtendedS3DestinationDescription"]["Prefix"] == "a/"
    assert destination["S3DestinationDescription"]["CompressionFormat"] == "UNCOMPRESSED"
    update = {
        "DeliveryStreamName": "s",
        "CurrentDeliveryStreamVersionId": "1",
        "DestinationId": destination["DestinationId"],
        "ExtendedS3DestinationUpdate": {"Prefix": "b/"},
    }
    firehose.update_destination(**update)
    with pytest.raises(ClientError, match="ConcurrentModificationException"):
        firehose.update_destination(**update)
    firehose.tag_delivery_stream(DeliveryStreamName="s", Tags=[{"Key": "k", "Value": "v"}])
    tags = firehose.list_tags_for_delivery_stream(DeliveryStreamName="s")["Tags"]
    assert tags == [{"Key": "k", "Value": "v"}]
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == ["s"]


def test_what_the_cloud_does_not_run_is_refused_by_name(firehose: Any, role: str) -> None:
    http = {"EndpointConfiguration": {"Url": "https://example.com"}, "S3Configuration": {}}
    http["S3Configuration"] = {"RoleARN": role, "BucketARN": "arn:aws:s3:::lake"}
    with pytest.raises(ClientError, match="HttpEndpointDestinationConfiguration"):
        firehose.create_delivery_stream(
            DeliveryStreamName="s", HttpEndpointDestinationConfiguration=http
        )
    decompression = {"Enabled": True, "Processors": [{"Type": "Decompression", "Parameters": []}]}
    query = [{"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{m: "}]
    broken = {
        "Enabled": True,
        "Processors": [{"Type": "MetadataExtraction", "Parameters": query}],
    }
    cases: list[tuple[dict[str, Any], str]] = [
        ({"CompressionFormat": "Snappy"}, "Snappy"),
        ({"S3BackupMode": "Enabled"}, "S3BackupMode"),
        ({"DataFormatConversionConfiguration": {"Enabled": True}}, "DataFormatConversion"),
        ({"Prefix": "!{timestamp:yyyy}/"}, "ErrorOutputPrefix"),
        ({"Prefix": "!{partitionKeyFromQuery:m}/", "ErrorOutputPrefix": "e/"}, "partitionKey"),
        ({"BufferingHints": {"IntervalInSeconds": 901, "SizeInMBs": 5}}, "BufferingHints"),
        ({"ProcessingConfiguration": decompression}, "Decompression"),
        (PARTITIONED | {"ProcessingConfiguration": broken}, "jq"),
        (PARTITIONED | {"Prefix": "x/"}, "partition keys"),
        (PARTITIONED | {"BufferingHints": {"SizeInMBs": 5}}, "at least 64"),
        ({"CustomTimeZone": "Mars/Olympus"}, "time zone"),
        ({"RoleARN": f"{role}-missing"}, "unable to assume role"),
    ]
    for members, named in cases:
        with pytest.raises(ClientError, match=named):
            create(firehose, role, **members)
