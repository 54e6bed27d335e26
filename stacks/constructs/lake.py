"""The data lake: one bucket, one key, and grants by prefix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from meguru.names import (
    CHECKPOINTS_PREFIX,
    FEEDBACK_PREFIX,
    INCOMING_MODELS_PREFIX,
    INFERENCE_LOG_PREFIX,
    QUARANTINE_PREFIX,
    RAW_PREFIX,
    api_log_name,
    component_log_name,
    endpoint_log_name,
    event_log_name,
    resource_name,
    stack_name,
    workflow_log_name,
)
from stacks.constructs.retention import removal_policy
from stacks.environment import Environment
from stacks.environment.settings import Records


class Lake(Construct):
    """The lake's bucket. Its prefixes are `meguru.names`; every grant names the ones it is for."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            description=f"Encrypts what the environment {environment.name} keeps.",
            enable_key_rotation=True,
            removal_policy=removal_policy(environment),
        )
        self._let_logs_use_key(environment.name)
        self._access_logs = s3.Bucket(
            self,
            "AccessLogs",
            # S3 delivers access logs to buckets with its own key only.
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(expiration=Duration.days(environment.records.log_days))
            ],
            removal_policy=removal_policy(environment),
            auto_delete_objects=environment.destroyable,
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            # One data key for many objects: a hundredth of the KMS calls.
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            server_access_logs_bucket=self._access_logs,
            lifecycle_rules=_lifecycle_rules(environment.records),
            removal_policy=removal_policy(environment),
            auto_delete_objects=environment.destroyable,
        )
        self._refuse_unreadable_uploads()
        bucket = self.bucket.node.default_child
        assert isinstance(bucket, s3.CfnBucket)
        # The property of the bucket itself: CDK's own switch deploys a function to set it.
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
                event_bridge_enabled=True
            )
        )

    def _refuse_unreadable_uploads(self) -> None:
        """SageMaker fails a job for one object of its input that it can't read: so none comes in.

        An upload that says nothing of its encryption or storage class has the bucket's.
        """
        given, other, one_of = "Null", "StringNotEquals", "StringEquals"
        encryption, storage_class = "s3:x-amz-server-side-encryption", "s3:x-amz-storage-class"
        key_id = f"{encryption}-aws-kms-key-id"
        own_key = f"{encryption}-customer-algorithm"
        conditions: dict[str, dict[str, Any]] = {
            "OtherEncryption": {given: {encryption: "false"}, other: {encryption: "aws:kms"}},
            "OtherKey": {given: {key_id: "false"}, other: {key_id: self.key.key_arn}},
            # S3 takes the account's own key then, not the bucket's.
            "UnnamedKey": {one_of: {encryption: "aws:kms"}, given: {key_id: "true"}},
            "KeyOfTheirOwn": {given: {own_key: "false"}},
            "Archived": {one_of: {storage_class: ["GLACIER", "DEEP_ARCHIVE"]}},
        }
        read = [f"{prefix}*" for prefix in (RAW_PREFIX, FEEDBACK_PREFIX)]
        for name, condition in conditions.items():
            self._refuse_uploads(name, read, condition)
        # As a file it would have the name of another object.
        self._refuse_uploads("NameOfAnother", [f"{RAW_PREFIX}/*", f"{RAW_PREFIX}*//*"])

    def _refuse_uploads(
        self, name: str, keys: Sequence[str], condition: dict[str, Any] | None = None
    ) -> None:
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=name,
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects(one) for one in keys],
                conditions=condition,
            )
        )

    def _let_logs_use_key(self, environment: str) -> None:
        """CloudWatch Logs encrypts log groups as itself, whoever writes them."""
        stack = Stack.of(self)
        groups = [
            stack.format_arn(
                service="logs",
                resource="log-group",
                resource_name=name,
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for name in (
                stack_name(environment, "*"),
                event_log_name(environment),
                endpoint_log_name(resource_name(environment, "*")),
                component_log_name(resource_name(environment, "*")),
                api_log_name("*", environment),
                workflow_log_name(resource_name(environment, "*"), "*"),
            )
        ]
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=[
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )

    def grant_read(self, grantee: iam.IGrantable, *prefixes: str) -> None:
        """Let `grantee` read and list what is under the prefixes."""
        self._grant(grantee, ["s3:GetObject"], prefixes)
        self.grant_list(grantee, *prefixes)
        self._grant_key(grantee, "kms:Decrypt")

    def grant_list(self, grantee: iam.IGrantable, *prefixes: str) -> None:
        """Let `grantee` list what is under the prefixes, which is how it learns what is missing.

        A request for a missing object names no prefix: S3 answers it with 403, not with 404.
        """
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["s3:ListBucket"],
            resource_arns=[self.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        )

    def grant_write(self, grantee: iam.IGrantable, *prefixes: str) -> None:
        """Let `grantee` put objects under the prefixes, in one part or in several."""
        self._grant(grantee, ["s3:PutObject", "s3:AbortMultipartUpload"], prefixes)
        # The parts of a large object are read back to be joined.
        self._grant_key(grantee, "kms:GenerateDataKey", "kms:Decrypt")

    def _grant(
        self, grantee: iam.IGrantable, actions: list[str], prefixes: tuple[str, ...]
    ) -> None:
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=actions,
            resource_arns=[self.bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes],
        )

    def _grant_key(self, grantee: iam.IGrantable, *actions: str) -> None:
        iam.Grant.add_to_principal(
            grantee=grantee, actions=list(actions), resource_arns=[self.key.key_arn]
        )


def _lifecycle_rules(records: Records) -> list[s3.LifecycleRule]:
    days = {
        INFERENCE_LOG_PREFIX: records.inference_log_days or records.inference_days,
        CHECKPOINTS_PREFIX: records.checkpoint_days,
        QUARANTINE_PREFIX: records.quarantine_days,
        # The command deletes what it has uploaded, unless it was ended before.
        INCOMING_MODELS_PREFIX: 7,
    }
    whole_bucket = s3.LifecycleRule(
        abort_incomplete_multipart_upload_after=Duration.days(7),
        noncurrent_version_expiration=Duration.days(records.noncurrent_days),
        # What marks an object as deleted goes once no version of it is left.
        expired_object_delete_marker=True,
    )
    return [
        whole_bucket,
        *(
            s3.LifecycleRule(prefix=prefix, expiration=Duration.days(number))
            for prefix, number in days.items()
            if number is not None
        ),
    ]
