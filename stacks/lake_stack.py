"""What holds data: the lake and the tables. Everything else can be made anew."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.constructs.lake import Lake
from stacks.constructs.records import Records
from stacks.environment import Environment


class LakeStack(Stack):
    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self.lake = Lake(self, "Lake", environment=environment)
        self.records = Records(self, "Records", environment=environment)
        CfnOutput(self, "LakeBucket", value=self.lake.bucket.bucket_name)
        CfnOutput(self, "InferenceTable", value=self.records.inferences.table_name)
        CfnOutput(self, "FeedbackTable", value=self.records.feedback.table_name)
        CfnOutput(self, "ReleaseTable", value=self.records.releases.table_name)
