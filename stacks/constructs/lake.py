"""The data lake: one bucket, one key, and grants by prefix."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.retention import removal_policy
from stacks.environment import Environment


class Lake(Construct):
    """The lake's bucket. Its prefixes are `meguru.names`; every grant names the ones it is for."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            description="Encrypts the data lake.",
            enable_key_rotation=True,
            removal_policy=removal_policy(environment),
        )
        self._access_logs = s3.Bucket(
            self,
            "AccessLogs",
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
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    noncurrent_version_expiration=Duration.days(30),
                )
            ],
            removal_policy=removal_policy(environment),
            auto_delete_objects=environment.destroyable,
        )
        bucket = self.bucket.node.default_child
        assert isinstance(bucket, s3.CfnBucket)
        # The property of the bucket itself: CDK's own switch deploys a function to set it.
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
                event_bridge_enabled=True
            )
        )

    def grant_read(self, grantee: iam.IGrantable, *prefixes: str) -> None:
        """Let `grantee` read and list what is under the prefixes."""
        self._grant(grantee, ["s3:GetObject"], prefixes)
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["s3:ListBucket"],
            resource_arns=[self.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        )
        self._grant_key(grantee, "kms:Decrypt")

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
