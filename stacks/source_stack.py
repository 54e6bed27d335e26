"""What lets commits deploy the environment: GitHub's role, or a pipeline in the account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.constructs.commit_pipeline import CommitPipeline
from stacks.constructs.deployment_grants import grant_deployment
from stacks.constructs.github_role import GitHubRole
from stacks.environment import Environment
from stacks.lake_stack import LakeStack
from stacks.model_stack import ModelStack


class SourceStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        storage: LakeStack,
        models: Sequence[ModelStack],
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        source = environment.source
        assert source is not None
        functions = [model.training.start_function for model in models if model.training]
        if source.connection:
            pipeline = CommitPipeline(
                self,
                "CommitPipeline",
                environment=environment,
                source=source,
                key=storage.lake.key,
            )
            grant_deployment(pipeline.role, functions)
            return
        role = GitHubRole(self, "GitHubRole", source=source)
        grant_deployment(role, functions)
        CfnOutput(self, "DeployRoleArn", value=role.role_arn)
