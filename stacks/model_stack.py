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
from stacks.constructs.workflow import Workflow
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
        alarms.watch_workflow("ReleaseFailed", self.release.workflow)
        alarms.watch_scaling("ScalingNotRegistered", self.registry.endpoint_name)
        self.release.alarms.notify(storage.loop_events.topic)
        workflows = [self.release.workflow]
        self.training: Training | None = None
        if model.is_trained:
            workflows += self._add_training(environment, model_key, storage, alarms)
        # Last: what starts runs is deleted before it.
        Unmaking(
            self,
            "Unmaking",
            environment=environment,
            name=self.registry.endpoint_name,
            workflows=workflows,
            releases=storage.records.releases,
            after=[self.registry, self.release.endpoint_log, self.release.smoke_log],
        )
        CfnOutput(self, "ModelName", value=environment.name_in_api(model_key))
        CfnOutput(self, "ModelKind", value=model.kind)
        CfnOutput(self, "InferenceImage", value=self.registry.image.image_uri)
        CfnOutput(self, "ModelPackageGroup", value=self.registry.group_name)
        CfnOutput(self, "InferenceImageUri", value=self.registry.image.image_uri)
        CfnOutput(self, "EndpointName", value=self.registry.endpoint_name)
        CfnOutput(self, "DeployModelVersionArn", value=self.release.workflow.state_machine_arn)

    def _add_training(
        self, environment: Environment, model_key: str, storage: LakeStack, alarms: Alarms
    ) -> list[Workflow]:
        """What makes versions of the lake's data and of prompts; its workflows."""
        model = environment.models[model_key]
        training = Training(
            self,
            "Training",
            environment=environment,
            model=model,
            lake=storage.lake,
            registry=self.registry,
            records=storage.records,
        )
        prompt_release = PromptRelease(
            self,
            "PromptRelease",
            environment=environment,
            model_key=model_key,
            model=model,
            lake=storage.lake,
            registry=self.registry,
            records=storage.records,
            training=training,
        )
        alarms.watch_workflow("TrainingFailed", training.workflow)
        alarms.watch_workflow("PromptReleaseFailed", prompt_release.workflow)
        # What an experiment takes that isn't started by the loop.
        CfnOutput(self, "TrainingImage", value=training.job.image.image_uri)
        CfnOutput(self, "TrainingRoleArn", value=training.job.role.role_arn)
        CfnOutput(self, "SourceCommit", value=training.source_commit)
        CfnOutput(self, "StartTrainingName", value=training.start_function.function_name)
        CfnOutput(self, "TrainAndRegisterArn", value=training.workflow.state_machine_arn)
        CfnOutput(self, "ReleasePromptArn", value=prompt_release.workflow.state_machine_arn)
        self.training = training
        return [training.workflow, prompt_release.workflow]
