"""STS: who one is, and sessions of roles."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.service import Caller

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
    arn = f"arn:aws:sts::{ground.account}:assumed-role/worker/night"
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
    missing = f"arn:aws:iam::{ground.account}:role/missing"
    with pytest.raises(ClientError, match="AccessDenied"):
        ground.client("sts").assume_role(RoleArn=missing, RoleSessionName="one")


def test_a_trust_policy_may_name_the_role_itself(ground: Cloud, make_role: MakeRole) -> None:
    caller = make_role("caller")
    trust = {"Effect": "Allow", "Principal": {"AWS": caller.role_arn}}
    target = make_role("target", trust=trust)
    ground.client("sts", caller).assume_role(RoleArn=target.role_arn, RoleSessionName="one")


def test_sessions_end_and_need_their_token(ground: Cloud, make_role: MakeRole) -> None:
    worker = make_role("worker", {"Action": "*", "Resource": "*"})
    store = ground.credential_store
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
            RoleArn=f"arn:aws:iam::{ground.account}:role/worker",
            RoleSessionName="one",
            WebIdentityToken="token",
        )
