"""What the lake's own jobs do: curation, with what starts it, and the adding of base models."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from meguru.names import CURATION, resource_name
from stacks.constructs.alarms import Alarms
from stacks.constructs.base_models import BaseModels
from stacks.constructs.curation import Curation
from stacks.constructs.falling_quality import QualityLook
from stacks.constructs.feedback_capture import RetrainingTrigger
from stacks.constructs.unmaking import Unmaking
from stacks.environment import Environment
from stacks.lake_stack import LakeStack


class DataStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        storage: LakeStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self.curation = Curation(
            self,
            "Curation",
            environment=environment,
            lake=storage.lake,
            records=storage.records,
        )
        self.retraining_trigger = RetrainingTrigger(
            self,
            "RetrainingTrigger",
            environment=environment,
            feedback=storage.records.feedback,
            key=storage.lake.key,
            looks=self.curation.looks.queue,
        )
        for key, model in environment.models.items():
            if rule := model.retrain.falling_quality:
                QualityLook(
                    self,
                    f"QualityLook-{key}",
                    environment=environment,
                    model_key=key,
                    rule=rule,
                    looks=self.curation.looks.queue,
                    topic=storage.loop_events.topic,
                )
        self.base_models = BaseModels(
            self, "BaseModels", environment=environment, lake=storage.lake
        )
        alarms = Alarms(self, "Alarms", environment=environment, loop_events=storage.loop_events)
        alarms.watch_workflow("CurationFailed", self.curation.workflow)
        alarms.watch_workflow("AddingBaseModelFailed", self.base_models.workflow)
        alarms.watch_dead_letters("LooksSetAside", self.curation.looks.failed)
        alarms.watch_dead_letters("FeedbackSetAside", self.retraining_trigger.failed_batches)
        # Last: what starts runs is deleted before it.
        Unmaking(
            self,
            "Unmaking",
            environment=environment,
            name=resource_name(environment.name, CURATION),
            workflows=[self.curation.workflow, self.base_models.workflow],
            releases=storage.records.releases,
        )
        CfnOutput(self, "CurateDatasetArn", value=self.curation.workflow.state_machine_arn)
        CfnOutput(self, "AddBaseModelArn", value=self.base_models.workflow.state_machine_arn)
