"""Cover pictures: a bucket whose events reach a function, a queue and the event bus."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sqs as sqs
from constructs import Construct


class Covers(Construct):
    """A versioned bucket, emptied when it goes, with a first page already in it."""

    def __init__(self, scope: Construct, construct_id: str, *, handlers: Path) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=False,
            event_bridge_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            removal_policy=cdk.RemovalPolicy.DESTROY,
            auto_delete_objects=True,
            lifecycle_rules=[s3.LifecycleRule(noncurrent_version_expiration=cdk.Duration.days(30))],
        )
        arrivals, seen = sqs.Queue(self, "Arrivals"), sqs.Queue(self, "Seen")
        noticer = lambda_.Function(
            self,
            "Noticer",
            runtime=lambda_.Runtime.PYTHON_3_11,
            handler="handler.handle",
            code=lambda_.Code.from_asset(str(handlers / "notices")),
            environment={"QUEUE_URL": seen.queue_url},
            log_retention=logs.RetentionDays.ONE_WEEK,
        )
        seen.grant_send_messages(noticer)
        created = s3.EventType.OBJECT_CREATED
        self.bucket.add_event_notification(
            created,
            notifications.SqsDestination(arrivals),
            s3.NotificationKeyFilter(prefix="pictures/"),
        )
        self.bucket.add_event_notification(
            created,
            notifications.LambdaDestination(noticer),
            s3.NotificationKeyFilter(prefix="notices/"),
        )
        archive = sqs.Queue(self, "Archive")
        events.Rule(
            self,
            "Archived",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self.bucket.bucket_name]},
                    "object": {"key": [{"prefix": "archive/"}]},
                },
            ),
            targets=[targets.SqsQueue(archive)],
        )
        deployment.BucketDeployment(
            self,
            "Page",
            sources=[
                deployment.Source.asset(str(handlers.parent / "site")),
                deployment.Source.json_data("shop.json", {"bucket": self.bucket.bucket_name}),
            ],
            destination_bucket=self.bucket,
            destination_key_prefix="page",
        )
        cdk.CfnOutput(self, "BucketName", value=self.bucket.bucket_name)
        cdk.CfnOutput(self, "ArrivalsQueue", value=arrivals.queue_url)
        cdk.CfnOutput(self, "SeenQueue", value=seen.queue_url)
        cdk.CfnOutput(self, "ArchiveQueue", value=archive.queue_url)
