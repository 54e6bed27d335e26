"""IAM in front of every call of a running cloud."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.calls import Caller
from localcloud.cloud import Cloud

MakeRole = Callable[..., Caller]
PolicyText = Callable[..., str]
BUCKET = ["arn:aws:s3:::lake", "arn:aws:s3:::lake/*"]


def refused(call: Callable[..., Any], **parameters: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
    return str(error.value.response["Error"]["Message"])


@pytest.fixture
def lake(ground: Cloud) -> Any:
    s3 = ground.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="one", Body=b"1")
    return s3


def test_a_missing_grant_is_named_as_aws_names_it(
    ground: Cloud, lake: Any, make_role: MakeRole
) -> None:
    reader = make_role("reader", {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/one"})
    s3 = ground.client("s3", reader)
    assert s3.get_object(Bucket="lake", Key="one")["Body"].read() == b"1"
    assert refused(s3.put_object, Bucket="lake", Key="one", Body=b"2") == (
        f"User: arn:aws:sts::{ground.account.id}:assumed-role/reader/session is not authorized to "
        "perform: s3:PutObject on resource: arn:aws:s3:::lake/one because no identity-based "
        "policy allows the s3:PutObject action"
    )
    assert lake.get_object(Bucket="lake", Key="one")["Body"].read() == b"1"


def test_a_change_of_policies_holds_from_the_next_call_on(
    ground: Cloud, lake: Any, make_role: MakeRole, policy: PolicyText
) -> None:
    role = make_role("reader")
    s3, iam = ground.client("s3", role), ground.client("iam")
    refused(s3.get_object, Bucket="lake", Key="one")
    grant = policy({"Action": "s3:*", "Resource": "*"})
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=grant)
    s3.get_object(Bucket="lake", Key="one")
    iam.delete_role_policy(RoleName="reader", PolicyName="p")
    refused(s3.get_object, Bucket="lake", Key="one")
    arn = iam.create_policy(PolicyName="managed", PolicyDocument=grant)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="reader", PolicyArn=arn)
    s3.get_object(Bucket="lake", Key="one")
    iam.detach_role_policy(RoleName="reader", PolicyArn=arn)
    iam.attach_role_policy(
        RoleName="reader", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    )
    s3.get_object(Bucket="lake", Key="one")
    refused(s3.delete_object, Bucket="lake", Key="one")


def test_a_role_that_is_gone_may_do_nothing(ground: Cloud, lake: Any) -> None:
    gone = Caller.role(f"arn:aws:iam::{ground.account.id}:role/gone", "s")
    refused(ground.client("s3", gone).get_object, Bucket="lake", Key="one")


def test_a_permissions_boundary_limits_what_a_role_is_granted(
    ground: Cloud, lake: Any, make_role: MakeRole, policy: PolicyText
) -> None:
    limit = ground.client("iam").create_policy(
        PolicyName="limit", PolicyDocument=policy({"Action": "s3:GetObject", "Resource": "*"})
    )["Policy"]["Arn"]
    role = make_role("bound", {"Action": "s3:*", "Resource": "*"}, PermissionsBoundary=limit)
    s3 = ground.client("s3", role)
    s3.get_object(Bucket="lake", Key="one")
    message = refused(s3.put_object, Bucket="lake", Key="one", Body=b"")
    assert "because no permissions boundary allows the s3:PutObject action" in message


def test_a_bucket_policy_grants_and_denies(
    ground: Cloud, lake: Any, make_role: MakeRole, policy: PolicyText
) -> None:
    granted, full = make_role("granted"), make_role("full", {"Action": "s3:*", "Resource": "*"})
    lake.put_bucket_policy(
        Bucket="lake",
        Policy=policy(
            {"Principal": {"AWS": granted.role_arn}, "Action": "s3:GetObject", "Resource": BUCKET},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": BUCKET,
                "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
            },
        ),
    )
    ground.client("s3", granted).get_object(Bucket="lake", Key="one")
    refused(ground.client("s3", granted).delete_object, Bucket="lake", Key="one")
    for s3 in (ground.client("s3", full), lake):
        message = refused(s3.put_object, Bucket="lake", Key="two", Body=b"")
        assert "with an explicit deny in a resource-based policy" in message
        s3.put_object(Bucket="lake", Key="two", Body=b"", ServerSideEncryption="aws:kms")


def test_a_policy_that_demands_tls_lets_loopback_pass(
    ground: Cloud, lake: Any, policy: PolicyText
) -> None:
    document = policy(
        {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": BUCKET,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )
    lake.put_bucket_policy(Bucket="lake", Policy=document)
    assert lake.get_object(Bucket="lake", Key="one")["Body"].read() == b"1"
    assert lake.get_bucket_policy(Bucket="lake")["Policy"] == document
    lake.delete_bucket_policy(Bucket="lake")
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        lake.get_bucket_policy(Bucket="lake")


def test_an_owner_can_mend_a_policy_that_shuts_everyone_out(lake: Any, policy: PolicyText) -> None:
    everything = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": BUCKET}
    lake.put_bucket_policy(Bucket="lake", Policy=policy(everything))
    refused(lake.get_object, Bucket="lake", Key="one")
    lake.delete_bucket_policy(Bucket="lake")
    lake.get_object(Bucket="lake", Key="one")


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::other/*"},
        {"Action": "s3:GetObject", "Resource": BUCKET},
        {"Principal": "*", "Action": "s3:*", "Resource": BUCKET, "Condition": {"Odd": {"a": "b"}}},
    ],
)
def test_a_bucket_policy_that_makes_no_sense_is_refused(
    lake: Any, policy: PolicyText, statement: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="MalformedPolicy"):
        lake.put_bucket_policy(Bucket="lake", Policy=policy(statement))


def test_a_service_needs_the_queues_own_policy(ground: Cloud, policy: PolicyText) -> None:
    sqs = ground.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    queue = f"arn:aws:sqs:{ground.region}:{ground.account.id}:jobs"
    rule = f"arn:aws:events:{ground.region}:{ground.account.id}:rule/nightly"
    events = ground.client("sqs", Caller.aws_service("events.amazonaws.com", rule))
    message = refused(events.send_message, QueueUrl=url, MessageBody="x")
    assert message.startswith("User: events.amazonaws.com is not authorized")
    assert message.endswith("no resource-based policy allows the sqs:SendMessage action")
    sqs.set_queue_attributes(
        QueueUrl=url,
        Attributes={
            "Policy": policy(
                {
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue,
                    "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
                }
            )
        },
    )
    events.send_message(QueueUrl=url, MessageBody="x")
    other = ground.client("sqs", Caller.aws_service("events.amazonaws.com", rule + "-2"))
    refused(other.send_message, QueueUrl=url, MessageBody="x")
    stranger = ground.client("sqs", Caller.aws_service("s3.amazonaws.com", rule))
    refused(stranger.send_message, QueueUrl=url, MessageBody="x")


def test_a_key_of_the_account_guards_the_objects_it_encrypts(
    ground: Cloud, make_role: MakeRole, policy: PolicyText
) -> None:
    key = ground.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = ground.client("s3")
    s3.create_bucket(Bucket="vault")
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket="vault",
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
    )
    on_objects = {"Action": "s3:*", "Resource": "arn:aws:s3:::vault/*"}
    without = ground.client("s3", make_role("without", on_objects))
    message = refused(without.put_object, Bucket="vault", Key="a", Body=b"x")
    assert f"perform: kms:GenerateDataKey on resource: {key}" in message
    on_key = {
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": key,
        "Condition": {"StringEquals": {"kms:ViaService": f"s3.{ground.region}.amazonaws.com"}},
    }
    within = ground.client("s3", make_role("within", on_objects, on_key))
    within.put_object(Bucket="vault", Key="a", Body=b"x")
    assert within.get_object(Bucket="vault", Key="a")["Body"].read() == b"x"
    assert "kms:Decrypt" in refused(without.get_object, Bucket="vault", Key="a")
    shut = policy({"Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "kms:*", "Resource": "*"})
    ground.client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=shut)
    message = refused(within.get_object, Bucket="vault", Key="a")
    assert "because no resource-based policy allows the kms:Decrypt action" in message


def test_a_consumer_sees_its_own_items_only(ground: Cloud, make_role: MakeRole) -> None:
    dynamodb = ground.client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["me"]}}
    role = make_role("me", {"Action": "dynamodb:GetItem", "Resource": "*", "Condition": own})
    mine = ground.client("dynamodb", role)
    mine.get_item(TableName="t", Key={"pk": {"S": "me"}})
    refused(mine.get_item, TableName="t", Key={"pk": {"S": "you"}})


def test_json_services_say_access_denied_exception(ground: Cloud, make_role: MakeRole) -> None:
    role = make_role("nobody")
    with pytest.raises(ClientError) as error:
        ground.client("ssm", role).get_parameter(Name="/secret")
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    with pytest.raises(ClientError) as error:
        ground.client("iam", role).list_roles()
    assert error.value.response["Error"]["Code"] == "AccessDenied"


def test_a_malformed_policy_is_refused_when_it_is_written(
    ground: Cloud, make_role: MakeRole, policy: PolicyText
) -> None:
    make_role("one")
    odd = policy({"Action": "s3:*", "Resource": "*", "Condition": {"StringIs": {"a": "b"}}})
    with pytest.raises(ClientError, match="unknown condition operator 'StringIs'"):
        ground.client("iam").put_role_policy(RoleName="one", PolicyName="p", PolicyDocument=odd)


def test_a_decision_costs_little(ground: Cloud, lake: Any, make_role: MakeRole) -> None:
    statements = [
        {"Action": [f"service{n}:Get*", f"service{n}:List*"], "Resource": f"arn:aws:s{n}:::x/*"}
        for n in range(40)
    ]
    role = make_role("busy", *statements, {"Action": "s3:GetObject", "Resource": BUCKET})
    from localcloud.iam.actions import demands
    from localcloud.iam.context import request_context
    from localcloud.iam.demand import Place
    from localcloud.iam.inventory import MotoInventory

    access = ground.account.access
    place = Place(ground.account.id, ground.region, MotoInventory(ground.account.id, ground.region))
    parameters = {"Bucket": "lake", "Key": "one"}
    started = time.perf_counter()
    for _ in range(200):
        identity = access.identity(role)
        context = request_context(role, identity, "s3", parameters, place)
        (demand,) = demands("s3", "GetObject", parameters, place)
        assert access.refusal(role, identity, demand, context) is None
    assert (time.perf_counter() - started) / 200 < 0.001


def test_unknown_keys_are_the_administrators(ground: Cloud) -> None:
    identity = ground.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{ground.account.id}:root"
    assert json.dumps(ground.admin_credentials)


def test_decrypting_is_about_the_key_that_encrypted(ground: Cloud, make_role: MakeRole) -> None:
    kms = ground.client("kms")
    own, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    role = ground.client("kms", make_role("holder", {"Action": "kms:Decrypt", "Resource": own}))
    mine = kms.encrypt(KeyId=own, Plaintext=b"hi")["CiphertextBlob"]
    assert role.decrypt(CiphertextBlob=mine)["Plaintext"] == b"hi"
    foreign = kms.encrypt(KeyId=other, Plaintext=b"no")["CiphertextBlob"]
    assert f"kms:Decrypt on resource: {other}" in refused(role.decrypt, CiphertextBlob=foreign)
