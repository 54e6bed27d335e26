"""A pipeline in the account that follows a branch through a connection, and deploys its commits."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.grants import grant
from stacks.constructs.retention import LogGroup
from stacks.environment import Environment
from stacks.environment.source import Source

DEPLOY = "tools/deploy_commit.sh"
COMMIT = "Commit"
LONGEST_DEPLOYMENT_MINUTES = 120


class CommitPipeline(Construct):
    """`role` is what the deployment runs with."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        source: Source,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        assert source.connection is not None
        self._environment, self._key = environment, key
        principal = iam.ServicePrincipal("codebuild.amazonaws.com")
        self.role = iam.Role(self, "DeploymentRole", assumed_by=principal)
        bucket = self._bucket()
        project = self._project()
        # A clone is made with the connection itself: the artifact says of what.
        for grantee in (self.role, role := self._pipeline_role(project)):
            grant(grantee, f"{_service_of(source.connection)}:UseConnection", source.connection)
            grant(grantee, ["s3:GetObject", "s3:GetObjectVersion"], bucket.arn_for_objects("*"))
            grant(grantee, ["kms:Decrypt", "kms:DescribeKey"], key.key_arn)
        grant(role, "s3:PutObject", bucket.arn_for_objects("*"))
        grant(role, "s3:GetBucketVersioning", bucket.bucket_arn)
        grant(role, "kms:GenerateDataKey", key.key_arn)
        pipeline = codepipeline.CfnPipeline(
            self,
            "Pipeline",
            pipeline_type="V2",
            # Of commits that come while one is deployed, the newest has all of them.
            execution_mode="SUPERSEDED",
            role_arn=role.role_arn,
            artifact_store=codepipeline.CfnPipeline.ArtifactStoreProperty(
                type="S3",
                location=bucket.bucket_name,
                encryption_key=codepipeline.CfnPipeline.EncryptionKeyProperty(
                    id=key.key_arn, type="KMS"
                ),
            ),
            stages=[_source_stage(source), _deploy_stage(project)],
        )
        # It begins as soon as it is there.
        policies = [one.node.find_child("DefaultPolicy") for one in (role, self.role)]
        pipeline.node.add_dependency(*policies)

    def _pipeline_role(self, project: codebuild.CfnProject) -> iam.Role:
        principal = iam.ServicePrincipal("codepipeline.amazonaws.com")
        role = iam.Role(self, "PipelineRole", assumed_by=principal)
        grant(role, ["codebuild:StartBuild", "codebuild:BatchGetBuilds"], project.attr_arn)
        return role

    def _bucket(self) -> s3.Bucket:
        """For what is handed from the one stage to the other: which commit it is."""
        return s3.Bucket(
            self,
            "Artifacts",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(30))],
            removal_policy=RemovalPolicy.DESTROY,
            auto_delete_objects=self._environment.destroyable,
        )

    def _project(self) -> codebuild.CfnProject:
        log = LogGroup(self, "Log", environment=self._environment)
        log.grant_write(self.role)
        specification = {
            "version": "0.2",
            "phases": {
                "install": {"runtime-versions": {"python": "3.11", "nodejs": "22"}},
                "build": {"commands": [f"{DEPLOY} {self._environment.file}"]},
            },
        }
        return codebuild.CfnProject(
            self,
            "Deployment",
            service_role=self.role.role_arn,
            source=codebuild.CfnProject.SourceProperty(
                type="CODEPIPELINE", build_spec=json.dumps(specification)
            ),
            artifacts=codebuild.CfnProject.ArtifactsProperty(type="CODEPIPELINE"),
            environment=codebuild.CfnProject.EnvironmentProperty(
                type="LINUX_CONTAINER",
                image="aws/codebuild/standard:7.0",
                # Disk for the images' base, of some 30 GB.
                compute_type="BUILD_GENERAL1_LARGE",
                # Docker, to build images in.
                privileged_mode=True,
            ),
            encryption_key=self._key.key_arn,
            logs_config=codebuild.CfnProject.LogsConfigProperty(
                cloud_watch_logs=codebuild.CfnProject.CloudWatchLogsConfigProperty(
                    status="ENABLED", group_name=log.log_group_name
                )
            ),
            timeout_in_minutes=LONGEST_DEPLOYMENT_MINUTES,
        )


def _service_of(connection: str) -> str:
    """`codeconnections`, or the earlier name that older connections keep."""
    return connection.split(":")[2]


def _source_stage(source: Source) -> codepipeline.CfnPipeline.StageDeclarationProperty:
    return _stage(
        "Source",
        {"category": "Source", "owner": "AWS", "provider": "CodeStarSourceConnection"},
        {
            "ConnectionArn": source.connection,
            "FullRepositoryId": source.repository,
            "BranchName": source.branch,
            # With its history: a model version names the commit that changed what it is of.
            "OutputArtifactFormat": "CODEBUILD_CLONE_REF",
        },
        output_artifacts=[{"name": COMMIT}],
    )


def _deploy_stage(
    project: codebuild.CfnProject,
) -> codepipeline.CfnPipeline.StageDeclarationProperty:
    return _stage(
        "Deploy",
        {"category": "Build", "owner": "AWS", "provider": "CodeBuild"},
        {"ProjectName": project.ref},
        input_artifacts=[{"name": COMMIT}],
    )


def _stage(
    name: str, kind: dict[str, str], configuration: dict[str, Any], **artifacts: Any
) -> codepipeline.CfnPipeline.StageDeclarationProperty:
    """A stage of one action, both of this name."""
    action = codepipeline.CfnPipeline.ActionDeclarationProperty(
        name=name,
        action_type_id=codepipeline.CfnPipeline.ActionTypeIdProperty(version="1", **kind),
        configuration=configuration,
        **artifacts,
    )
    return codepipeline.CfnPipeline.StageDeclarationProperty(name=name, actions=[action])
