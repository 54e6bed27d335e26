"""The lake takes no upload that SageMaker couldn't read, and roles list what they look for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from cli.account import Account
from cli.cloud_process import CloudProcess
from tests.stacks.deployment import Deployment, listed
from tests.stacks.rendering import rendered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks.synthesis import Synthesis


@pytest.fixture(scope="module")
def lake(
    syntheses: dict[str, Synthesis], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, str, str]]:
    """A client of the lake, its bucket's name, and the key that it encrypts with."""
    made = syntheses["poc"]
    log = tmp_path_factory.mktemp("lake") / "log"
    with CloudProcess(made.folder, port=0, log=log) as cloud:
        account = Account(made.name, cloud.endpoint_url)
        client, bucket = account.client("s3"), account.outputs["LakeBucket"]
        said = client.get_bucket_encryption(Bucket=bucket)
        [rule] = said["ServerSideEncryptionConfiguration"]["Rules"]
        yield client, bucket, rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]


@pytest.mark.parametrize("prefix", ["raw/", "feedback/"])
@pytest.mark.parametrize(
    "asked",
    [
        {"StorageClass": "GLACIER"},
        {"StorageClass": "DEEP_ARCHIVE"},
        {"ServerSideEncryption": "AES256"},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:1:key/foreign"},
        {"ServerSideEncryption": "aws:kms"},
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
    ],
)
def test_what_curation_could_not_read_is_refused(
    lake: tuple[Any, str, str], prefix: str, asked: dict[str, str]
) -> None:
    client, bucket, _ = lake
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=bucket, Key=f"{prefix}a.jsonl", Body=b"", **asked)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


@pytest.mark.parametrize("key", ["raw//a.jsonl", "raw/hr//a.jsonl", "raw/a//b//c.jsonl"])
def test_what_would_be_read_under_another_name_is_refused(
    lake: tuple[Any, str, str], key: str
) -> None:
    client, bucket, _ = lake
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=bucket, Key=key, Body=b"")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_every_other_upload_is_taken(lake: tuple[Any, str, str]) -> None:
    client, bucket, key = lake
    own = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    for asked in ({}, own, {"StorageClass": "STANDARD_IA"}, {"StorageClass": "GLACIER_IR"}):
        client.put_object(Bucket=bucket, Key="raw/a.jsonl", Body=b"", **asked)
    client.put_object(Bucket=bucket, Key="runs/a", Body=b"", StorageClass="GLACIER")


def test_a_deployment_s_alarms_are_watched_by_the_workflow_and_the_endpoint_s_role(
    synthesis: Synthesis,
) -> None:
    watched: dict[str, list[list[str]]] = defaultdict(list)
    for resource, statement in synthesis.statements():
        if statement["Action"] == "cloudwatch:DescribeAlarms":
            named = listed(rendered(statement["Resource"], resource.stack))
            watched[resource.stack].append(named)
    assert watched
    for stack_name, (of_workflow, of_role) in watched.items():
        alarms = [
            one.path
            for one in synthesis.resources("AWS::CloudWatch::Alarm")
            if one.stack == stack_name and "/EndpointAlarms/" in one.path
        ]
        assert of_workflow == of_role
        assert len(of_role) == len(alarms) and "*" not in of_role


def test_firehose_may_do_what_its_guide_asks_for(synthesis: Synthesis) -> None:
    [log] = [
        statement
        for _, statement in synthesis.statements()
        if "s3:ListBucketMultipartUploads" in listed(statement["Action"])
    ]
    assert set(log["Action"]) == {
        "s3:GetBucketLocation",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
    }


def test_no_function_asks_for_an_object_to_learn_that_it_is_missing(
    deployments: dict[str, Deployment],
) -> None:
    """Grants to list are held to prefixes, which a request for an object doesn't have."""
    for function in deployments["poc"].functions.values():
        for statement in function.role.statements:
            if "s3:ListBucket" in listed(statement["Action"]):
                assert "s3:prefix" in statement["Condition"]["StringLike"]
