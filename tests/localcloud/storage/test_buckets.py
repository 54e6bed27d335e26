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


@pytest.mark.parametrize("digest", ["ContentMD5", "ChecksumSHA1", "ChecksumSHA256"])
def test_a_body_that_is_not_what_its_digest_says_is_refused(s3: Any, digest: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="lake", Key="a", Body=b"x", **{digest: "AAAA"})
    assert code(refused) == "BadDigest"
    assert s3.list_objects_v2(Bucket="lake")["KeyCount"] == 0


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


def test_a_thousand_objects_are_deleted_at_once_and_no_more(s3: Any) -> None:
    objects = [{"Key": str(number)} for number in range(1001)]
    s3.delete_objects(Bucket="lake", Delete={"Objects": objects[:1000]})
    with pytest.raises(ClientError) as refused:
        s3.delete_objects(Bucket="lake", Delete={"Objects": objects})
    assert code(refused) == "MalformedXML"
