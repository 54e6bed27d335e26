"""What S3 refuses of names, keys, bodies and parts, and what it keeps of a bucket."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud

_KMS = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}


@pytest.fixture
def s3(ground: Cloud) -> Any:
    client = ground.client("s3")
    client.create_bucket(Bucket="lake")
    return client


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def algorithm(s3: Any) -> str:
    [rule] = s3.get_bucket_encryption(Bucket="lake")["ServerSideEncryptionConfiguration"]["Rules"]
    return str(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"])


@pytest.mark.parametrize("name", ["Upper", "a..b", "192.168.0.1", "xn--a", "under_score"])
def test_a_name_that_no_bucket_may_have_is_refused(s3: Any, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.create_bucket(Bucket=name)
    assert code(refused) == "InvalidBucketName"


def test_a_bucket_encrypts_from_the_start_and_again_once_its_own_way_is_deleted(s3: Any) -> None:
    assert algorithm(s3) == "AES256"
    s3.put_bucket_encryption(Bucket="lake", ServerSideEncryptionConfiguration=_KMS)
    assert algorithm(s3) == "aws:kms"
    s3.delete_bucket_encryption(Bucket="lake")
    assert algorithm(s3) == "AES256"


def test_creating_a_bucket_once_more_changes_nothing_of_it(s3: Any) -> None:
    s3.put_object(Bucket="lake", Key="a", Body=b"x")
    s3.put_bucket_encryption(Bucket="lake", ServerSideEncryptionConfiguration=_KMS)
    s3.create_bucket(Bucket="lake")
    assert algorithm(s3) == "aws:kms"
    assert s3.get_object(Bucket="lake", Key="a")["Body"].read() == b"x"


def test_a_key_has_at_most_1024_bytes_not_characters(s3: Any) -> None:
    s3.put_object(Bucket="lake", Key="あ" * 341, Body=b"")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="lake", Key="あ" * 342, Body=b"")
    assert code(refused) == "KeyTooLongError"


def test_a_copy_heeds_conditions_on_what_it_would_replace(s3: Any) -> None:
    source = {"Bucket": "lake", "CopySource": "lake/a"}
    etag = s3.put_object(Bucket="lake", Key="a", Body=b"x")["ETag"]
    s3.copy_object(**source, Key="b", IfNoneMatch="*")
    s3.copy_object(**source, Key="b", IfMatch=etag)
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"another"'}):
        with pytest.raises(ClientError) as refused:
            s3.copy_object(**source, Key="b", **condition)
        assert code(refused) == "PreconditionFailed"


def test_one_of_many_copies_at_once_is_the_first(s3: Any) -> None:
    s3.put_object(Bucket="lake", Key="a", Body=b"x")
    outcomes: list[str] = []

    def copy() -> None:
        try:
            s3.copy_object(Bucket="lake", Key="b", CopySource="lake/a", IfNoneMatch="*")
            outcomes.append("copied")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=copy) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["PreconditionFailed"] * 39 + ["copied"]


def test_completing_an_upload_heeds_conditions_on_what_it_would_replace(s3: Any) -> None:
    s3.put_object(Bucket="lake", Key="a", Body=b"x")
    upload = {"Bucket": "lake", "Key": "a"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = {"PartNumber": 1, "ETag": s3.upload_part(**upload, PartNumber=1, Body=b"y")["ETag"]}
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": [part]}, IfMatch='"another"'
        )
    assert code(refused) == "PreconditionFailed"
    assert s3.get_object(Bucket="lake", Key="a")["Body"].read() == b"x"


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, "NoSuchUpload"), (0, "InvalidArgument"), (10_001, "InvalidArgument")],
)
def test_a_part_of_no_upload_is_refused(s3: Any, number: int, expected: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.upload_part(Bucket="lake", Key="a", UploadId="none", PartNumber=number, Body=b"x")
    assert code(refused) == expected


@pytest.mark.parametrize("source", ["lake/none", "lake/a?versionId=none"])
def test_a_part_of_an_object_that_is_not_there_is_refused(s3: Any, source: str) -> None:
    upload = {"Bucket": "lake", "Key": "a"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    with pytest.raises(ClientError) as refused:
        s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_an_upload_that_nobody_began_is_not_completed(s3: Any) -> None:
    part = {"PartNumber": 1, "ETag": "none"}
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(
            Bucket="lake", Key="a", UploadId="none", MultipartUpload={"Parts": [part]}
        )
    assert code(refused) == "NoSuchUpload"


def test_a_listing_goes_on_at_its_own_tokens_alone(s3: Any) -> None:
    for key in "abc":
        s3.put_object(Bucket="lake", Key=key, Body=b"x")
    first = s3.list_objects_v2(Bucket="lake", MaxKeys=2)
    rest = s3.list_objects_v2(Bucket="lake", ContinuationToken=first["NextContinuationToken"])
    assert [one["Key"] for one in rest["Contents"]] == ["c"]
    with pytest.raises(ClientError) as refused:
        s3.list_objects_v2(Bucket="lake", ContinuationToken="made-up")
    assert code(refused) == "InvalidArgument"


def select(s3: Any, expression: str) -> bytes:
    answer = s3.select_object_content(
        Bucket="lake",
        Key="table",
        Expression=expression,
        ExpressionType="SQL",
        InputSerialization={"CSV": {"FileHeaderInfo": "USE"}},
        OutputSerialization={"CSV": {}},
    )
    events = list(answer["Payload"])
    return b"".join(event["Records"]["Payload"] for event in events if "Records" in event)


def test_an_object_is_queried_and_what_is_no_query_is_refused(s3: Any) -> None:
    s3.put_object(Bucket="lake", Key="table", Body=b"name,price\npen,3\n")
    assert select(s3, "SELECT s.name FROM s3object s").split() == [b"pen"]
    with pytest.raises(ClientError) as refused:
        select(s3, "SELEKT nothing")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
