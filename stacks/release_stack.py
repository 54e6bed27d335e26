"""The model registry, and the release of approved versions to the endpoint."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.constructs.alarms import Alarms
from stacks.constructs.model_registry import ModelRegistry
from stacks.constructs.model_release import ModelRelease
from stacks.environment import Environment
from stacks.lake_stack import LakeStack


class ReleaseStack(Stack):
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
        self.registry = ModelRegistry(self, "ModelRegistry", environment=environment)
        self.release = ModelRelease(
            self,
            "ModelRelease",
            environment=environment,
            lake=storage.lake,
            registry=self.registry,
            releases=storage.records.releases,
        )
        alarms = Alarms(self, "Alarms", loop_events=storage.loop_events)
        alarms.watch_workflow("ReleaseFailed", self.release.workflow)
        self.release.alarms.notify(storage.loop_events.topic)
        CfnOutput(self, "ModelPackageGroup", value=self.registry.group_name)
        CfnOutput(self, "EndpointName", value=self.registry.endpoint_name)
        CfnOutput(self, "DeployModelVersionArn", value=self.release.workflow.state_machine_arn)
