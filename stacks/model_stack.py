"""One model: its registry, its training, and the release of approved versions to its endpoint."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.constructs.alarms import Alarms
from stacks.constructs.ledger import UsageReports
from stacks.constructs.model_registry import ModelRegistry
from stacks.constructs.model_release import ModelRelease
from stacks.constructs.prompt_release import PromptRelease
from stacks.constructs.training import Training
from stacks.constructs.unmaking import Unmaking
from stacks.environment import Environment
from stacks.lake_stack import LakeStack


class ModelStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        model_key: str,
        storage: LakeStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        model = environment.models[model_key]
        self.registry = ModelRegistry(
            self,
            "ModelRegistry",
            environment=environment,
            name=environment.resource_name(model_key),
            model=model,
        )
        self.training = Training(
            self,
            "Training",
            environment=environment,
            model=model,
            lake=storage.lake,
            registry=self.registry,
            records=storage.records,
        )
        self.prompt_release = PromptRelease(
            self,
            "PromptRelease",
            environment=environment,
            model_key=model_key,
            model=model,
            lake=storage.lake,
            registry=self.registry,
            records=storage.records,
            training=self.training,
        )
        self.release = ModelRelease(
            self,
            "ModelRelease",
            environment=environment,
            model_key=model_key,
            model=model,
            lake=storage.lake,
            registry=self.registry,
            releases=storage.records.releases,
        )
        UsageReports(
            self,
            "UsageReports",
            environment=environment,
            ledger=storage.records.ledger,
            endpoint_log=self.release.endpoint_log,
        )
        alarms = Alarms(self, "Alarms", environment=environment, loop_events=storage.loop_events)
        alarms.watch_workflow("TrainingFailed", self.training.workflow)
        alarms.watch_workflow("PromptReleaseFailed", self.prompt_release.workflow)
        alarms.watch_workflow("ReleaseFailed", self.release.workflow)
        alarms.watch_scaling("ScalingNotRegistered", self.registry.endpoint_name)
        self.release.alarms.notify(storage.loop_events.topic)
        # Last: what starts runs is deleted before it.
        Unmaking(
            self,
            "Unmaking",
            environment=environment,
            name=self.registry.endpoint_name,
            workflows=[
                self.training.workflow,
                self.prompt_release.workflow,
                self.release.workflow,
            ],
            releases=storage.records.releases,
            after=[self.registry, self.release.endpoint_log],
        )
        CfnOutput(self, "ModelName", value=environment.name_in_api(model_key))
        # What an experiment takes that isn't started by the loop.
        CfnOutput(self, "TrainingImage", value=self.training.job.image.image_uri)
        CfnOutput(self, "TrainingRoleArn", value=self.training.job.role.role_arn)
        CfnOutput(self, "SourceCommit", value=self.training.source_commit)
        CfnOutput(self, "InferenceImage", value=self.registry.image.image_uri)
        CfnOutput(self, "ModelPackageGroup", value=self.registry.group_name)
        CfnOutput(self, "InferenceImageUri", value=self.registry.image.image_uri)
        CfnOutput(self, "EndpointName", value=self.registry.endpoint_name)
        CfnOutput(self, "StartTrainingName", value=self.training.start_function.function_name)
        CfnOutput(self, "TrainAndRegisterArn", value=self.training.workflow.state_machine_arn)
        prompt_release = self.prompt_release.workflow.state_machine_arn
        CfnOutput(self, "ReleasePromptArn", value=prompt_release)
        CfnOutput(self, "DeployModelVersionArn", value=self.release.workflow.state_machine_arn)
