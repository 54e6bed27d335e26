"""The access keys of IAM's users, and what their owners may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud

PolicyText = Callable[..., str]
Client = Callable[[str], Any]


@pytest.fixture
def key(ground: Cloud) -> dict[str, str]:
    iam = ground.client("iam")
    iam.create_user(UserName="aki", Tags=[{"Key": "team", "Value": "blue"}])
    made: dict[str, str] = iam.create_access_key(UserName="aki")["AccessKey"]
    return made


@pytest.fixture
def as_aki(ground: Cloud, key: dict[str, str]) -> Client:
    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=ground.endpoint_url,
            region_name=ground.region,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    return client


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_a_key_acts_as_its_user(as_aki: Client) -> None:
    assert as_aki("sts").get_caller_identity()["Arn"].endswith(":user/aki")
    with pytest.raises(ClientError) as refused:
        as_aki("sqs").list_queues()
    assert "user/aki is not authorized to perform: sqs:ListQueues" in str(refused.value)


def test_name_and_tags_of_a_user_stand_in_policies(
    ground: Cloud, as_aki: Client, policy: PolicyText
) -> None:
    names = ["arn:aws:sqs:*:*:${aws:username}", "arn:aws:sqs:*:*:${aws:PrincipalTag/team}"]
    text = policy({"Action": "sqs:CreateQueue", "Resource": names})
    ground.client("iam").put_user_policy(UserName="aki", PolicyName="own", PolicyDocument=text)
    as_aki("sqs").create_queue(QueueName="aki")
    as_aki("sqs").create_queue(QueueName="blue")
    with pytest.raises(ClientError):
        as_aki("sqs").create_queue(QueueName="red")


def test_groups_grant_and_deny_from_the_next_call_on(
    ground: Cloud, as_aki: Client, policy: PolicyText
) -> None:
    iam, queues = ground.client("iam"), as_aki("sqs")
    text = policy({"Action": "sqs:*", "Resource": "*"})
    iam.create_group(GroupName="team")
    iam.put_group_policy(GroupName="team", PolicyName="own", PolicyDocument=text)
    iam.add_user_to_group(GroupName="team", UserName="aki")
    queues.list_queues()
    text = policy({"Effect": "Deny", "Action": "sqs:*", "Resource": "*"})
    iam.put_group_policy(GroupName="team", PolicyName="no", PolicyDocument=text)
    with pytest.raises(ClientError, match="explicit deny"):
        queues.list_queues()


@pytest.mark.parametrize("ending", ["update", "delete"])
def test_a_key_that_is_inactive_or_deleted_is_nobodys(
    ground: Cloud, key: dict[str, str], as_aki: Client, ending: str
) -> None:
    iam, named = ground.client("iam"), {"UserName": "aki", "AccessKeyId": key["AccessKeyId"]}
    if ending == "delete":
        iam.delete_access_key(**named)
    else:
        iam.update_access_key(**named, Status="Inactive")
    with pytest.raises(ClientError) as refused:
        as_aki("sts").get_caller_identity()
    assert code(refused) == "InvalidClientTokenId"
