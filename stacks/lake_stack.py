"""What holds state: the lake, the tables, and who is told. All else can be made anew."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.constructs.image_repository import ImageRepository
from stacks.constructs.lake import Lake
from stacks.constructs.loop_events import LoopEvents
from stacks.constructs.records import Records
from stacks.environment import Environment


class LakeStack(Stack):
    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self.lake = Lake(self, "Lake", environment=environment)
        self.images = ImageRepository(self, "Images", environment=environment, key=self.lake.key)
        self.records = Records(self, "Records", environment=environment, key=self.lake.key)
        self.loop_events = LoopEvents(
            self, "LoopEvents", environment=environment, key=self.lake.key
        )
        CfnOutput(self, "ImageRepository", value=self.images.repository_name)
        CfnOutput(self, "LakeBucket", value=self.lake.bucket.bucket_name)
        CfnOutput(self, "InferenceTable", value=self.records.inferences.table_name)
        CfnOutput(self, "FeedbackTable", value=self.records.feedback.table_name)
        CfnOutput(self, "ConsumerTable", value=self.records.consumers.table_name)
        CfnOutput(self, "ReleaseTable", value=self.records.releases.table_name)
        CfnOutput(self, "LedgerTable", value=self.records.ledger.table_name)
        CfnOutput(self, "Currency", value=environment.budget.currency)
        CfnOutput(self, "TimeZone", value=environment.time_zone)
        CfnOutput(self, "VoteTable", value=self.records.votes.table_name)
        CfnOutput(self, "LoopTable", value=self.records.loop.table_name)
        CfnOutput(self, "LoopEventsTopic", value=self.loop_events.topic.topic_arn)
        CfnOutput(self, "LoopEventsLog", value=self.loop_events.log_group.log_group_name)
