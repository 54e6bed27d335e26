"""Curation and training, and what starts them: arrivals, feedback, a schedule."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.constructs.alarms import Alarms
from stacks.constructs.curation import Curation
from stacks.constructs.feedback_capture import RetrainingTrigger
from stacks.constructs.training import Training
from stacks.environment import Environment
from stacks.lake_stack import LakeStack
from stacks.release_stack import ReleaseStack

UNTOLD_ENDS = ("TIMED_OUT", "ABORTED")


class TrainingStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        storage: LakeStack,
        release: ReleaseStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self.curation = Curation(self, "Curation", environment=environment, lake=storage.lake)
        self.training = Training(
            self,
            "Training",
            environment=environment,
            lake=storage.lake,
            registry=release.registry,
            releases=storage.records.releases,
        )
        self.retraining_trigger = RetrainingTrigger(
            self,
            "RetrainingTrigger",
            environment=environment,
            feedback=storage.records.feedback,
            curation=self.curation.workflow,
        )
        alarms = Alarms(self, "Alarms", loop_events=storage.loop_events)
        # These two tell of their failures themselves.
        alarms.watch_workflow("CurationFailed", self.curation.workflow, ends=UNTOLD_ENDS)
        alarms.watch_workflow("TrainingFailed", self.training.workflow, ends=UNTOLD_ENDS)
        alarms.watch_dead_letters("ArrivalsSetAside", self.curation.failed_arrivals)
        alarms.watch_dead_letters("FeedbackSetAside", self.retraining_trigger.failed_batches)
        CfnOutput(self, "CurateDatasetArn", value=self.curation.workflow.state_machine_arn)
        CfnOutput(self, "TrainAndRegisterArn", value=self.training.workflow.state_machine_arn)
