"""STS: who one is, and sessions of roles."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud.calls import Caller
from localcloud.cloud import Cloud

MakeRole = Callable[..., Caller]


def session_of(cloud: Cloud, credentials: dict[str, Any], service: str = "sts") -> Any:
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint_url,
        region_name=cloud.region,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def test_a_role_is_assumed_where_both_sides_allow_it(ground: Cloud, make_role: MakeRole) -> None:
    worker = make_role("worker", {"Action": "ssm:*", "Resource": "*"})
    allowed = make_role("allowed", {"Action": "sts:AssumeRole", "Resource": worker.role_arn})
    assumed = ground.client("sts", allowed).assume_role(
        RoleArn=worker.role_arn, RoleSessionName="night"
    )
    arn = f"arn:aws:sts::{ground.account.id}:assumed-role/worker/night"
    assert assumed["AssumedRoleUser"]["Arn"] == arn
    client = session_of(ground, assumed["Credentials"])
    assert client.get_caller_identity()["Arn"] == arn
    with pytest.raises(ClientError, match="assumed-role/worker/night is not authorized"):
        session_of(ground, assumed["Credentials"], "s3").list_buckets()


def test_a_role_is_not_assumed_without_a_grant_or_against_its_trust(
    ground: Cloud, make_role: MakeRole
) -> None:
    worker = make_role("worker")
    only_lambda = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    guarded = make_role("guarded", trust=only_lambda)
    nobody = make_role("nobody")
    everything = make_role("everything", {"Action": "*", "Resource": "*"})
    for caller, target in ((nobody, worker), (everything, guarded)):
        with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
            ground.client("sts", caller).assume_role(RoleArn=target.role_arn, RoleSessionName="one")
    missing = f"arn:aws:iam::{ground.account.id}:role/missing"
    with pytest.raises(ClientError, match="AccessDenied"):
        ground.client("sts").assume_role(RoleArn=missing, RoleSessionName="one")


def test_a_trust_policy_may_name_the_role_itself(ground: Cloud, make_role: MakeRole) -> None:
    caller = make_role("caller")
    trust = {"Effect": "Allow", "Principal": {"AWS": caller.role_arn}}
    target = make_role("target", trust=trust)
    ground.client("sts", caller).assume_role(RoleArn=target.role_arn, RoleSessionName="one")


def test_sessions_end_and_need_their_token(ground: Cloud, make_role: MakeRole) -> None:
    worker = make_role("worker", {"Action": "*", "Resource": "*"})
    store = ground.account.access.keys
    from datetime import timedelta

    minted = store.mint(worker, timedelta(seconds=0.2))
    keys = {
        "AccessKeyId": minted.access_key_id,
        "SecretAccessKey": minted.secret_access_key,
        "SessionToken": minted.session_token,
    }
    session_of(ground, keys, "s3").list_buckets()
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        session_of(ground, keys | {"SessionToken": "other"}).get_caller_identity()
    time.sleep(0.3)
    with pytest.raises(ClientError, match="ExpiredToken"):
        session_of(ground, keys).get_caller_identity()


def test_other_ways_in_are_refused_by_name(ground: Cloud) -> None:
    with pytest.raises(ClientError, match="sts AssumeRoleWithWebIdentity"):
        ground.client("sts").assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{ground.account.id}:role/worker",
            RoleSessionName="one",
            WebIdentityToken="token",
        )


def assumed(cloud: Cloud, role: Caller, service: str, **more: Any) -> Any:
    """A client of a session of the role, which the administrator assumed."""
    answer = cloud.client("sts").assume_role(
        RoleArn=role.role_arn, RoleSessionName="limited", **more
    )
    return session_of(cloud, answer["Credentials"], service)


def test_a_session_policy_limits_what_the_role_may(
    ground: Cloud, make_role: MakeRole, policy: Callable[..., str]
) -> None:
    role = make_role("worker", {"Action": ["sqs:ListQueues", "sns:*"], "Resource": "*"})
    only_sqs = policy({"Action": "sqs:*", "Resource": "*"})
    assumed(ground, role, "sqs", Policy=only_sqs).list_queues()
    assumed(ground, role, "sns").list_topics()
    with pytest.raises(ClientError, match="no session policy allows the sns:ListTopics"):
        assumed(ground, role, "sns", Policy=only_sqs).list_topics()
    with pytest.raises(ClientError, match="no identity-based policy allows the sqs:CreateQueue"):
        assumed(ground, role, "sqs", Policy=only_sqs).create_queue(QueueName="a")


def test_a_session_is_limited_to_managed_policies(ground: Cloud, make_role: MakeRole) -> None:
    role = make_role("worker", {"Action": "*", "Resource": "*"})
    read_only = [{"arn": "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"}]
    assumed(ground, role, "sqs", PolicyArns=read_only).list_queues()
    with pytest.raises(ClientError, match="no session policy allows"):
        assumed(ground, role, "sqs", PolicyArns=read_only).create_queue(QueueName="a")
    with pytest.raises(ClientError, match="does not exist"):
        assumed(ground, role, "sqs", PolicyArns=[{"arn": f"{read_only[0]['arn']}Not"}])
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        assumed(ground, role, "sqs", Policy="nothing")


def test_a_sessions_tags_are_its_principals(ground: Cloud, make_role: MakeRole) -> None:
    team = {"StringEquals": {"aws:PrincipalTag/Team": "blue"}}
    grant = {"Action": "sqs:ListQueues", "Resource": "*", "Condition": team}
    trust = {"Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    tags = [{"Key": "team", "Value": "red"}]
    role = make_role("worker", grant, trust=trust, Tags=tags)
    with pytest.raises(ClientError, match="not authorized to perform: sqs:ListQueues"):
        assumed(ground, role, "sqs").list_queues()
    assumed(ground, role, "sqs", Tags=[{"Key": "Team", "Value": "blue"}]).list_queues()


def test_who_may_assume_a_role_may_not_tag_its_session(ground: Cloud, make_role: MakeRole) -> None:
    trust = {"Principal": {"AWS": "*"}}
    with pytest.raises(ClientError, match="not authorized to perform: sts:TagSession"):
        assumed(ground, make_role("worker", trust=trust), "sqs", Tags=[{"Key": "a", "Value": "b"}])


def test_a_session_lasts_no_longer_than_its_role_lets_it(
    ground: Cloud, make_role: MakeRole
) -> None:
    long = make_role("long", {"Action": "*", "Resource": "*"}, MaxSessionDuration=7200)
    with pytest.raises(ClientError, match="exceeds the MaxSessionDuration"):
        assumed(ground, make_role("short"), "sqs", DurationSeconds=3601)
    assumed(ground, long, "sqs", DurationSeconds=7200)
    with pytest.raises(ClientError, match="role chaining"):
        ground.client("sts", long).assume_role(
            RoleArn=long.role_arn, RoleSessionName="chained", DurationSeconds=3601
        )


def test_a_trust_policy_names_whom_there_is(ground: Cloud, make_role: MakeRole) -> None:
    prefix = f"arn:aws:iam::{ground.account.id}"
    make_role("bootstrapped", trust={"Principal": {"AWS": f"{prefix}:role/cdk-deploy-role"}})
    for missing in ("role/none", "user/none"):
        with pytest.raises(ClientError, match=f"Invalid principal in policy.*{missing}"):
            make_role("worker", trust={"Principal": {"AWS": f"{prefix}:{missing}"}})
