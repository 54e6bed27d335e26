"""Permissions that hang on the tags of the resource, asked of the cloud itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.calls import Caller
from localcloud.cloud import Cloud

MakeRole = Callable[..., Caller]
_BLUE = [{"Key": "Team", "Value": "blue"}]


@pytest.fixture
def blue(make_role: MakeRole) -> Caller:
    """Who may do everything with what is the blue team's."""
    condition = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
    return make_role("blue", {"Action": "*", "Resource": "*", "Condition": condition})


def make_table(cloud: Cloud, name: str, **more: Any) -> None:
    cloud.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )


def test_what_has_the_tag_is_allowed_and_what_has_not_is_not(ground: Cloud, blue: Caller) -> None:
    tags = {"Team": "blue"}
    make_table(ground, "blue", Tags=_BLUE)
    make_table(ground, "other")
    mine, other = (
        {
            "queue": ground.client("sqs").create_queue(QueueName=name, tags=own)["QueueUrl"],
            "topic": ground.client("sns").create_topic(Name=name, Tags=_list(own))["TopicArn"],
            "secret": ground.client("secretsmanager").create_secret(
                Name=name, SecretString="s", Tags=_list(own)
            )["ARN"],
            "key": ground.client("kms").create_key(
                Tags=[{"TagKey": key, "TagValue": value} for key, value in own.items()]
            )["KeyMetadata"]["KeyId"],
            "parameter": ground.client("ssm").put_parameter(
                Name=f"/a/{name}", Value="v", Type="String", Tags=_list(own)
            )
            and f"/a/{name}",
            "table": name,
        }
        for name, own in (("blue", tags), ("other", {}))
    )
    calls: list[Callable[[dict[str, str]], Any]] = [
        lambda names: ground.client("sqs", blue).send_message(
            QueueUrl=names["queue"], MessageBody="m"
        ),
        lambda names: ground.client("sns", blue).get_topic_attributes(TopicArn=names["topic"]),
        lambda names: ground.client("secretsmanager", blue).get_secret_value(
            SecretId=names["secret"]
        ),
        lambda names: ground.client("ssm", blue).get_parameter(Name=names["parameter"]),
        lambda names: ground.client("dynamodb", blue).scan(TableName=names["table"]),
        lambda names: ground.client("kms", blue).describe_key(KeyId=names["key"]),
    ]
    for call in calls:
        call(mine)
        with pytest.raises(ClientError, match="not authorized"):
            call(other)


def _list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_a_role_is_assumed_by_its_tag(ground: Cloud, blue: Caller, make_role: MakeRole) -> None:
    mine, other = make_role("mine", Tags=_BLUE), make_role("other")
    client = ground.client("sts", blue)
    client.assume_role(RoleArn=mine.role_arn, RoleSessionName="one")
    with pytest.raises(ClientError, match="not authorized"):
        client.assume_role(RoleArn=other.role_arn, RoleSessionName="one")


def test_an_object_is_read_by_its_own_tag_and_written_by_the_one_it_is_to_have(
    ground: Cloud, make_role: MakeRole
) -> None:
    ground.client("s3").create_bucket(Bucket="lake")
    everything = "arn:aws:s3:::lake/*"
    written = {"StringEquals": {"s3:RequestObjectTag/Kind": "open"}}
    read = {"StringEquals": {"s3:ExistingObjectTag/Kind": "open"}}
    caller = make_role(
        "reader",
        {"Action": "s3:ListBucket", "Resource": "*"},
        {
            "Action": ["s3:PutObject", "s3:PutObjectTagging"],
            "Resource": everything,
            "Condition": written,
        },
        {"Action": "s3:GetObject*", "Resource": everything, "Condition": read},
    )
    s3 = ground.client("s3", caller)
    s3.put_object(Bucket="lake", Key="a", Body=b"x", Tagging="Kind=open")
    assert s3.get_object(Bucket="lake", Key="a")["Body"].read() == b"x"
    ground.client("s3").put_object_tagging(
        Bucket="lake", Key="a", Tagging={"TagSet": [{"Key": "Kind", "Value": "shut"}]}
    )
    with pytest.raises(ClientError, match="not authorized to perform: s3:GetObject"):
        s3.get_object(Bucket="lake", Key="a")
    for tagging in ("Kind=shut", ""):
        with pytest.raises(ClientError, match="not authorized to perform: s3:PutObject"):
            s3.put_object(Bucket="lake", Key="b", Body=b"x", Tagging=tagging)
